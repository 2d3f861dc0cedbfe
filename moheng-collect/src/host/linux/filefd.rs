//! Collector `filefd`: open files of the whole machine.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::file_nr;

pub(super) const NAME: &str = "filefd";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let file = "sys/fs/file-nr";
    let content = roots.proc.read(file)?;
    let (allocated, maximum) = file_nr::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    out.push(gauge_of(
        "node_filefd_allocated",
        "Open file handles.",
        allocated as f64,
    ));
    out.push(gauge_of(
        "node_filefd_maximum",
        "The most file handles there can be.",
        maximum as f64,
    ));
    Ok(())
}
