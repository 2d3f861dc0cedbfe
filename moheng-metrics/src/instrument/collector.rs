//! [`Instrument`] and [`Collector`]: what a registry asks for metrics.

use crate::{Labels, Metric, MetricFamily, MetricKind};

/// Something that measures one thing and can tell its value at any time.
///
/// Clones share the value.
pub trait Instrument: Clone + Send + Sync + 'static {
    /// The type that its family is exposed with.
    const KIND: MetricKind;

    /// Its value now, as metrics of the family `name`, with `labels` in front of any labels of its own. Most instruments hand
    /// out one.
    fn collect_into(&self, name: &str, labels: &Labels, metrics: &mut Vec<Metric>);

    /// The names of the labels it adds to its metrics in the family `name`, to be checked when it is registered. None by
    /// default.
    fn label_names(&self, name: &str) -> Vec<String> {
        let _ = name;
        Vec::new()
    }
}

/// Something that hands out whole families when the registry is rendered: what is counted elsewhere already.
///
/// It is asked at every scrape, from the thread that renders, without any lock of the registry held: it may use the registry
/// itself. Closures are collectors:
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::instrument::Registry;
/// use moheng_metrics::{MetricFamily, MetricKind, SystemClock};
///
/// let registry = Registry::new(Arc::new(SystemClock::new()));
/// registry.register_collector(|families: &mut Vec<MetricFamily>| {
///     families.push(MetricFamily::single("threads", MetricKind::Gauge, "Threads.", 4.0));
/// });
/// assert_eq!(registry.gather().families[0].name, "threads");
/// ```
pub trait Collector: Send + Sync {
    /// Appends families. Names and labels get the prefix and the constant labels of the registry.
    fn collect(&self, families: &mut Vec<MetricFamily>);
}

impl<F: Fn(&mut Vec<MetricFamily>) + Send + Sync> Collector for F {
    fn collect(&self, families: &mut Vec<MetricFamily>) {
        self(families);
    }
}
