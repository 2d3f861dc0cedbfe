//! Collector `cpu_vulnerabilities`: flaws of the CPUs and what the kernel does about them.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "cpu_vulnerabilities";

const FOLDER: &str = "devices/system/cpu/vulnerabilities";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut info = gauge(
        "node_cpu_vulnerabilities_info",
        "A flaw of the CPUs, by its name, and what the kernel does about it; always 1.",
    );
    for name in roots.sys.list(FOLDER)? {
        let Some(report) = roots.sys.attribute_if_known(&format!("{FOLDER}/{name}")) else {
            continue;
        };
        let (state, mitigation) = split(&report);
        let labels = [("codename", &*name), ("mitigation", mitigation), ("state", state)];
        push(&mut info, &labels, 1.0);
    }
    append(out, [info]);
    Ok(())
}

/// The state, and in what it consists.
fn split(report: &str) -> (&'static str, &str) {
    let states = [
        ("Not affected", "not affected"),
        ("Vulnerable", "vulnerable"),
        ("Mitigation", "mitigation"),
    ];
    let known = states
        .into_iter()
        .find_map(|(word, state)| Some((state, report.strip_prefix(word)?)));
    let (state, rest) = known.unwrap_or(("unknown", report));
    (state, rest.trim_start_matches([':', ',', ';', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_the_kernel() {
        for (report, expected) in [
            ("Not affected", ("not affected", "")),
            ("Vulnerable", ("vulnerable", "")),
            ("Vulnerable: No microcode", ("vulnerable", "No microcode")),
            ("Vulnerable, KVM: SW", ("vulnerable", "KVM: SW")),
            ("Mitigation: PTI", ("mitigation", "PTI")),
            ("Unknown: no", ("unknown", "Unknown: no")),
        ] {
            assert_eq!(split(report), expected);
        }
    }
}
