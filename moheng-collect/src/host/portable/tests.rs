//! The collectors on Linux, which `sysinfo` knows too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Clock, MetricFamily};

use super::*;
use crate::{HostCollectors, NameFilter};

fn collectors(options: &HostOptions, clock: &Arc<ManualClock>) -> HostCollectors {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let collectors = COLLECTORS.iter().map(|entry| {
        let collector = entry.build(options, &clock).unwrap();
        assert_eq!(collector.name(), entry.name);
        collector
    });
    HostCollectors::from_collectors(collectors.collect(), Duration::from_mins(1), clock)
}

fn by_name(families: Vec<MetricFamily>) -> BTreeMap<String, MetricFamily> {
    families
        .into_iter()
        .map(|family| (family.name.clone(), family))
        .collect()
}

#[test]
fn what_this_machine_has() {
    assert!(COLLECTORS.is_sorted_by(|a, b| a.name < b.name));
    let clock = Arc::new(ManualClock::new(0));
    let collectors = collectors(&HostOptions::default(), &clock);
    let first = collectors.collect_only(|_| true);
    for outcome in &first.outcomes {
        assert!(outcome.error.is_none(), "{}: {:?}", outcome.name, outcome.error);
    }
    let families = by_name(first.families);
    for name in [
        "node_memory_total_bytes",
        "moheng_memory_available_bytes",
        "node_network_receive_bytes_total",
        "node_network_transmit_errs_total",
    ] {
        assert!(families.contains_key(name), "{name}: {:?}", families.keys());
    }
    assert!(
        !families.contains_key("moheng_cpu_usage_ratio"),
        "one reading says nothing"
    );
    let number = |name: &str| families[name].metrics[0].value.as_number().unwrap();
    assert!(number("moheng_memory_available_bytes") <= number("node_memory_total_bytes"));

    clock.advance(Duration::from_secs(15));
    let families = by_name(collectors.collect());
    let usages = &families["moheng_cpu_usage_ratio"].metrics;
    assert!(!usages.is_empty());
    for usage in usages {
        assert!((0.0..=1.0).contains(&usage.value.as_number().unwrap()));
    }
}

#[test]
fn devices_and_mounts_are_filtered() {
    let mut options = HostOptions::default();
    options.netdev.devices = NameFilter::Include("^lo$".to_owned());
    options.filesystem.mount_points = NameFilter::Exclude("/".to_owned());
    let clock = Arc::new(ManualClock::new(0));
    let families = by_name(collectors(&options, &clock).collect());
    assert!(!families.contains_key("node_filesystem_size_bytes"));
    for metric in &families["node_network_receive_bytes_total"].metrics {
        assert_eq!(metric.labels.get("device"), Some("lo"));
    }
    options.netdev.devices = NameFilter::Include("(".to_owned());
    assert!(netdev::build(&options).is_err());
}
