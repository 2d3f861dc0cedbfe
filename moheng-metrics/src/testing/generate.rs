//! [`NodeWorkload`]: generated series that look like those of Node Exporter.

mod families;

use self::families::FAMILIES;
use super::random::mix;
use crate::{AppendBatch, Labels, MetricFamily, MetricKind, write_text};

/// The time of step 0: a whole number of 15 s and of 2 h.
const START_MS: i64 = 1_700_006_400_000;

/// What a fleet of Node Exporters exposes, step by step: always the same for the same seed.
///
/// A node has some 600 series. Roughly two thirds of them never change, most others are counters of whole numbers, the
/// rest are gauges, some with many decimals. A value is a pure function of seed, series and step.
///
/// ```
/// use moheng_metrics::MemorySource;
/// use moheng_metrics::SampleSink;
/// use moheng_metrics::testing::NodeWorkload;
///
/// let workload = NodeWorkload::new(2);
/// let store = MemorySource::new();
/// store.append(&workload.batch(0))?;
/// assert_eq!(store.series_count(), workload.series().len());
/// # Ok::<(), moheng_metrics::SinkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeWorkload {
    start_ms: i64,
    interval_ms: i64,
    seed: u64,
    /// All series of the first instance, then all of the second, and so on, in the order they are exposed.
    series: Vec<Labels>,
    templates: Vec<Template>,
}

impl NodeWorkload {
    /// A fleet of `instances` nodes that is scraped every 15 s.
    pub fn new(instances: usize) -> Self {
        let templates = templates();
        let series = (0..instances)
            .flat_map(|instance| {
                let instance = format!("node-{instance:04}:9100");
                templates.iter().map(move |template| {
                    let builder = template.labels.to_builder().with("job", "node");
                    builder
                        .with("instance", &instance)
                        .with_metric_name(template.family.name)
                        .finish()
                })
            })
            .collect();
        Self {
            start_ms: START_MS,
            interval_ms: 15_000,
            seed: 1,
            series,
            templates,
        }
    }

    /// Another course of all values; the series stay.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Another time for step 0 and between steps, in milliseconds.
    #[must_use]
    pub fn with_times(mut self, start_ms: i64, interval_ms: i64) -> Self {
        (self.start_ms, self.interval_ms) = (start_ms, interval_ms);
        self
    }

    /// The series with the labels they are stored under, `instance` and `job` included: those of one instance after
    /// those of the other.
    pub fn series(&self) -> &[Labels] {
        &self.series
    }

    /// How many nodes there are.
    pub fn instances(&self) -> usize {
        self.series.len() / self.templates.len()
    }

    /// How many series a node has.
    pub fn series_per_instance(&self) -> usize {
        self.templates.len()
    }

    /// When a step is, in milliseconds since the Unix epoch.
    pub fn timestamp_ms(&self, step: u64) -> i64 {
        self.start_ms + step as i64 * self.interval_ms
    }

    /// The value of the series with this index in [`NodeWorkload::series`].
    pub fn value(&self, series: usize, step: u64) -> f64 {
        let seed = mix(self.seed ^ mix(series as u64));
        self.templates[series % self.templates.len()]
            .shape
            .value(seed, step)
    }

    /// The samples of all instances at a step, by labels.
    pub fn batch(&self, step: u64) -> AppendBatch<'_> {
        let mut batch = AppendBatch::new();
        for (index, labels) in self.series.iter().enumerate() {
            batch.push_labels(labels, self.timestamp_ms(step), self.value(index, step));
        }
        batch
    }

    /// What one node exposes at a step.
    pub fn families(&self, instance: usize, step: u64) -> Vec<MetricFamily> {
        let mut families: Vec<MetricFamily> = Vec::new();
        for (index, template) in self.templates.iter().enumerate() {
            if families
                .last()
                .is_none_or(|last| last.name != template.family.name)
            {
                let name = template.family.name;
                let help = format!("What a generated node says about {name}.");
                families.push(MetricFamily::new(name, template.family.kind, help));
            }
            if let Some(family) = families.last_mut() {
                let series = instance * self.templates.len() + index;
                family.push(&template.labels, self.value(series, step));
            }
        }
        families
    }

    /// What one node exposes at a step, in the text format.
    pub fn exposition(&self, instance: usize, step: u64) -> String {
        let mut out = String::new();
        write_text(&self.families(instance, step), &mut out);
        out
    }
}

/// A series of every node.
#[derive(Clone, Debug)]
struct Template {
    family: &'static Family,
    /// Without the metric name and without what scraping adds.
    labels: Labels,
    shape: Shape,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    kind: MetricKind,
    dimension: Dimension,
    shape: Shape,
}

/// The label sets a family has a series for.
#[derive(Clone, Copy, Debug)]
enum Dimension {
    Single,
    /// `cpu`
    Cpu,
    /// `cpu`, `mode`
    CpuMode,
    /// `device` of disks
    Disk,
    /// `device` of network interfaces
    Network,
    /// `device`, `fstype`, `mountpoint`
    Filesystem,
    /// `collector`
    Collector,
}

const CPUS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
const MODES: [&str; 8] = [
    "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user",
];
const DISKS: [&str; 3] = ["vda", "vdb", "dm-0"];
const NETWORKS: [&str; 6] = [
    "eth0",
    "lo",
    "docker0",
    "br-9e1b2c3d4f5a",
    "veth1a2b3c4",
    "veth9f8e7d6",
];
const MOUNTS: [(&str, &str, &str); 4] = [
    ("/dev/vda1", "ext4", "/"),
    ("/dev/vda15", "vfat", "/boot/efi"),
    ("tmpfs", "tmpfs", "/run"),
    ("/dev/vdb", "xfs", "/var/lib/moheng/data"),
];
const COLLECTORS: [&str; 12] = [
    "cpu",
    "diskstats",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "netstat",
    "sockstat",
    "stat",
    "time",
    "uname",
    "vmstat",
];

impl Dimension {
    /// The label sets, each with whether anything happens there at all.
    fn label_sets(self) -> Vec<(Labels, bool)> {
        let single = |name: &'static str, values: &[&'static str], active: usize| {
            let of_value = |(index, value): (usize, &&'static str)| {
                (Labels::from_pairs([(name, *value)]), index < active)
            };
            values.iter().enumerate().map(of_value).collect()
        };
        match self {
            Self::Single => vec![(Labels::empty(), true)],
            Self::Cpu => single("cpu", &CPUS, 6),
            Self::CpuMode => CPUS
                .iter()
                .flat_map(|cpu| MODES.iter().map(move |mode| (cpu, mode)))
                .map(|(cpu, mode)| {
                    let is_active = matches!(*mode, "idle" | "system" | "user" | "iowait" | "softirq");
                    (Labels::from_pairs([("cpu", *cpu), ("mode", *mode)]), is_active)
                })
                .collect(),
            Self::Disk => single("device", &DISKS, 2),
            Self::Network => single("device", &NETWORKS, 4),
            Self::Filesystem => MOUNTS
                .iter()
                .map(|(device, fstype, mountpoint)| {
                    let pairs = [
                        ("device", *device),
                        ("fstype", *fstype),
                        ("mountpoint", *mountpoint),
                    ];
                    (Labels::from_pairs(pairs), *mountpoint != "/boot/efi")
                })
                .collect(),
            Self::Collector => single("collector", &COLLECTORS, COLLECTORS.len()),
        }
    }
}

/// How a value moves.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Never: a setting, or the counter of something that does not happen.
    Constant,
    /// A counter of whole numbers that grows by about this much a step.
    Count(u64),
    /// A counter that grows by one every so many steps.
    Rare(u64),
    /// A counter of hundredths that grows by about so many of them a step.
    Hundredths(u64),
    /// A gauge of bytes in whole pages, around this many pages.
    Pages(u64),
    /// A gauge with two decimals below this number.
    Ratio(u64),
    /// A gauge of seconds with nine decimals, below one.
    Duration,
}

impl Shape {
    fn value(self, seed: u64, step: u64) -> f64 {
        let noise = mix(seed ^ mix(step));
        let start = seed >> 34;
        match self {
            Self::Constant => {
                [0.0, 0.0, 0.0, 1.0, 1500.0, ((seed >> 20) & !4095) as f64][(seed % 6) as usize]
            }
            // The noise is smaller than what a step adds, so the counter never goes back.
            Self::Count(rate) => (start + step * rate + noise % rate) as f64,
            Self::Rare(steps) => (start % 1000 + (seed % steps + step) / steps) as f64,
            Self::Hundredths(rate) => (start % 100_000_000 + step * rate + noise % rate) as f64 / 100.0,
            Self::Pages(pages) => ((pages + noise % (pages / 16 + 1)) * 4096) as f64,
            Self::Ratio(below) => (noise % (below * 100)) as f64 / 100.0,
            Self::Duration => (noise % 1_000_000_000) as f64 / 1e9,
        }
    }
}

fn templates() -> Vec<Template> {
    FAMILIES
        .iter()
        .flat_map(|family| {
            let label_sets = family.dimension.label_sets().into_iter();
            label_sets.map(move |(labels, is_active)| Template {
                family,
                labels,
                shape: if is_active { family.shape } else { Shape::Constant },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_series_are_constant_and_counters_never_go_back() {
        let workload = NodeWorkload::new(2);
        let mut constant = 0;
        for index in 0..workload.series().len() {
            let values: Vec<f64> = (0..200).map(|step| workload.value(index, step)).collect();
            let template = &workload.templates[index % workload.series_per_instance()];
            if template.family.kind == MetricKind::Counter {
                assert!(values.is_sorted(), "{:?}", workload.series()[index]);
            }
            constant += usize::from(values.iter().all(|value| *value == values[0]));
        }
        let share = constant as f64 / workload.series().len() as f64;
        assert!((0.6..0.75).contains(&share), "{share}");
    }

    #[test]
    fn series_are_distinct_and_named_like_their_families() {
        let workload = NodeWorkload::new(3);
        let distinct: std::collections::BTreeSet<_> = workload.series().iter().collect();
        assert_eq!(
            distinct.len(),
            workload.instances() * workload.series_per_instance()
        );
        assert!((500..800).contains(&workload.series_per_instance()));
        let exposed: Vec<(String, f64)> = workload
            .families(1, 5)
            .iter()
            .flat_map(|family| {
                family
                    .metrics
                    .iter()
                    .map(|metric| (family.name.clone(), metric.value.as_number().unwrap()))
            })
            .collect();
        let first = workload.series_per_instance();
        for (offset, (name, value)) in exposed.iter().enumerate() {
            assert_eq!(workload.series()[first + offset].metric_name(), name);
            assert_eq!(workload.value(first + offset, 5), *value);
        }
        assert_ne!(
            workload.exposition(0, 0),
            workload.clone().with_seed(2).exposition(0, 0)
        );
    }
}
