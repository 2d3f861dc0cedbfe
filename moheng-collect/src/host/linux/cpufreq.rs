//! Collector `cpufreq`: frequencies of the CPUs.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "cpufreq";

const CPU_FOLDER: &str = "devices/system/cpu";

/// File, metric, help; the kernel counts kilohertz.
const FREQUENCIES: [(&str, &str, &str); 7] = [
    (
        "cpuinfo_cur_freq",
        "node_cpu_frequency_hertz",
        "The current frequency of the CPU.",
    ),
    (
        "cpuinfo_avg_freq",
        "node_cpu_frequency_avg_hertz",
        "The average frequency of the CPU.",
    ),
    (
        "cpuinfo_min_freq",
        "node_cpu_frequency_min_hertz",
        "The lowest frequency of the CPU.",
    ),
    (
        "cpuinfo_max_freq",
        "node_cpu_frequency_max_hertz",
        "The highest frequency of the CPU.",
    ),
    (
        "scaling_cur_freq",
        "node_cpu_scaling_frequency_hertz",
        "The frequency the governor has chosen.",
    ),
    (
        "scaling_min_freq",
        "node_cpu_scaling_frequency_min_hertz",
        "The lowest frequency the governor may choose.",
    ),
    (
        "scaling_max_freq",
        "node_cpu_scaling_frequency_max_hertz",
        "The highest frequency the governor may choose.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = FREQUENCIES.map(|(_, name, help)| gauge(name, help));
    let mut governors = gauge(
        "node_cpu_scaling_governor",
        "1 for the governor the CPU uses, 0 for the others.",
    );
    for cpu in roots.sys.list_numbered(CPU_FOLDER, "cpu")? {
        let folder = roots.sys.folder(&format!("{CPU_FOLDER}/cpu{cpu}/cpufreq"));
        if !folder.contains("") {
            continue;
        }
        let cpu = cpu.to_string();
        for (family, (file, ..)) in families.iter_mut().zip(FREQUENCIES) {
            // Drivers implement some of the files.
            if let Some(kilohertz) = folder.number_if_known(file) {
                push(family, &[("cpu", &cpu)], kilohertz * 1000.0);
            }
        }
        let available = folder
            .attribute_if_known("scaling_available_governors")
            .unwrap_or_default();
        let available: Vec<&str> = available.split_ascii_whitespace().collect();
        if let Some(current) = folder.word_if_known("scaling_governor", &available) {
            for governor in available {
                let is_current = f64::from(u8::from(governor == current));
                push(
                    &mut governors,
                    &[("cpu", &cpu), ("governor", governor)],
                    is_current,
                );
            }
        }
    }
    append(out, families);
    append(out, [governors]);
    Ok(())
}
