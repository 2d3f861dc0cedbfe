//! [`Collector`]: one subject of metrics.

use std::fmt::Debug;

use moheng_metrics::MetricFamily;

use crate::CollectError;

/// Collects the metrics of one subject: the CPUs, the mounted filesystems, the load.
///
/// A collector is a value: what it reads and how it filters was decided when it was made, so two of a kind can run
/// beside each other on different roots. It is called again for every collection, from changing threads, but never
/// twice at the same time; what it must remember between collections it keeps behind a lock.
///
/// A collector may block: [`HostCollectors`](crate::HostCollectors) stops waiting for it when its time is up.
/// It must not call [`MetricFamily::push`] with label sets that repeat within a family.
pub trait Collector: Debug + Send + Sync {
    /// The name: lower case, unique among the collectors that run together. It never changes.
    fn name(&self) -> &'static str;

    /// Appends what there is to say now.
    ///
    /// What was appended before an error is kept, so a collector can report the part that it could read.
    ///
    /// # Errors
    ///
    /// When something could not be read; [`CollectError::NoData`] when this machine does not have the subject.
    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError>;
}
