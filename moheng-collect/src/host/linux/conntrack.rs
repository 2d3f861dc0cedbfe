//! Collector `conntrack`: connections that the firewall tracks.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::conntrack;

pub(super) const NAME: &str = "conntrack";

/// The columns that are reported, summed over all CPUs.
const COLUMNS: [(&str, &str); 8] = [
    ("found", "Lookups that found an entry."),
    ("invalid", "Packets that could not be tracked."),
    ("ignore", "Packets of connections that were tracked already."),
    ("insert", "Entries made."),
    (
        "insert_failed",
        "Entries that could not be made because there was one already.",
    ),
    ("drop", "Packets dropped because no entry could be made."),
    ("early_drop", "Entries dropped to make room for new ones."),
    (
        "search_restart",
        "Lookups that were restarted because the table was resized.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let sizes = [
        (
            "nf_conntrack_count",
            "node_nf_conntrack_entries",
            "Connections tracked.",
        ),
        (
            "nf_conntrack_max",
            "node_nf_conntrack_entries_limit",
            "The most connections that can be tracked.",
        ),
    ];
    for (file, name, help) in sizes {
        let file = format!("sys/net/netfilter/{file}");
        out.push(gauge_of(name, help, roots.proc.number(&file)?));
    }
    let file = "net/stat/nf_conntrack";
    let content = roots.proc.read(file)?;
    let counts = conntrack::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    for (column, help) in COLUMNS {
        // Kernels have dropped and renamed columns.
        if let Some((_, count)) = counts.iter().find(|(name, _)| *name == column.as_bytes()) {
            out.push(gauge_of(
                &format!("node_nf_conntrack_stat_{column}"),
                help,
                *count as f64,
            ));
        }
    }
    Ok(())
}
