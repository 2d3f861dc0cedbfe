//! The `storage` section.

use super::diagnostics::Diagnostics;
use super::reader::Support::{Ignored, Read};
use super::reader::{Fields, Keys, count, duration_ms, number, size_bytes};
use super::yaml::Node;

/// The `storage` section.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Storage {
    /// How many exemplars are kept, if that is said; none are with 0.
    pub(crate) max_exemplars: Option<usize>,
    /// How much older than the newest sample a late one may be, in milliseconds; 0: none is taken.
    pub(crate) out_of_order_window_ms: i64,
    /// How long and how much is kept; where this is said the flags do not count.
    pub(crate) retention: Option<RetentionSection>,
}

/// How long and how much is kept; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RetentionSection {
    pub(crate) time_ms: Option<i64>,
    pub(crate) size_bytes: Option<u64>,
    /// Of the disk, 0 to 100; where it is given the size does not count.
    pub(crate) percentage: Option<f64>,
}

const KEYS: Keys = &[("tsdb", Read), ("exemplars", Read)];
const TSDB_KEYS: Keys = &[
    ("out_of_order_time_window", Read),
    ("stale_series_compaction_threshold", Ignored),
    ("chunk_encoding", Ignored),
    ("retention", Read),
];
const RETENTION_KEYS: Keys = &[("time", Read), ("size", Read), ("percentage", Read)];
const EXEMPLAR_KEYS: Keys = &[("max_exemplars", Read)];

/// Reads the `storage` section.
pub(crate) fn read_storage(node: &Node, report: &mut Diagnostics) -> Storage {
    let fields = Fields::read(node, "storage", KEYS, report);
    let mut storage = Storage {
        max_exemplars: fields
            .get("exemplars")
            .and_then(|node| read_max_exemplars(node, report)),
        ..Storage::default()
    };
    if let Some(node) = fields.get("tsdb") {
        let fields = Fields::read(node, "tsdb", TSDB_KEYS, report);
        let name = "out_of_order_time_window";
        let window_ms = fields.get(name).and_then(|node| duration_ms(node, name, report));
        storage.out_of_order_window_ms = window_ms.unwrap_or(0);
        storage.retention = fields.get("retention").map(|node| read_retention(node, report));
    }
    storage
}

fn read_retention(node: &Node, report: &mut Diagnostics) -> RetentionSection {
    let fields = Fields::read(node, "retention", RETENTION_KEYS, report);
    let percentage = fields.get("percentage").and_then(|node| {
        let percentage = number(node, "percentage", report)?;
        if !(0.0..=100.0).contains(&percentage) {
            report.error(
                node.position,
                format!("expected a percentage from 0 to 100, found {percentage}"),
            );
            return None;
        }
        Some(percentage)
    });
    RetentionSection {
        time_ms: fields
            .get("time")
            .and_then(|node| duration_ms(node, "time", report)),
        size_bytes: fields
            .get("size")
            .and_then(|node| size_bytes(node, "size", report)),
        percentage,
    }
}

fn read_max_exemplars(node: &Node, report: &mut Diagnostics) -> Option<usize> {
    let fields = Fields::read(node, "exemplars", EXEMPLAR_KEYS, report);
    let limit = count(fields.get("max_exemplars")?, "max_exemplars", report)?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}
