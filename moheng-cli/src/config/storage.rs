//! The `storage` section.

use super::diagnostics::Diagnostics;
use super::reader::Support::{Ignored, Read};
use super::reader::{Fields, Keys, count, duration_ms};
use super::yaml::Node;

/// The `storage` section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Storage {
    /// How many exemplars are kept, if that is said; none are with 0.
    pub(crate) max_exemplars: Option<usize>,
    /// How much older than the newest sample a late one may be, in milliseconds; 0: none is taken.
    pub(crate) out_of_order_window_ms: i64,
}

const KEYS: Keys = &[("tsdb", Read), ("exemplars", Read)];
const TSDB_KEYS: Keys = &[
    ("out_of_order_time_window", Read),
    ("stale_series_compaction_threshold", Ignored),
    ("chunk_encoding", Ignored),
    ("retention", Ignored),
];
const EXEMPLAR_KEYS: Keys = &[("max_exemplars", Read)];

/// Reads the `storage` section.
pub(crate) fn read_storage(node: &Node, report: &mut Diagnostics) -> Storage {
    let fields = Fields::read(node, "storage", KEYS, report);
    let out_of_order_window_ms = fields.get("tsdb").and_then(|node| read_window_ms(node, report));
    Storage {
        out_of_order_window_ms: out_of_order_window_ms.unwrap_or(0),
        max_exemplars: fields
            .get("exemplars")
            .and_then(|node| read_max_exemplars(node, report)),
    }
}

fn read_window_ms(node: &Node, report: &mut Diagnostics) -> Option<i64> {
    let fields = Fields::read(node, "tsdb", TSDB_KEYS, report);
    let name = "out_of_order_time_window";
    duration_ms(fields.get(name)?, name, report)
}

fn read_max_exemplars(node: &Node, report: &mut Diagnostics) -> Option<usize> {
    let fields = Fields::read(node, "exemplars", EXEMPLAR_KEYS, report);
    let limit = count(fields.get("max_exemplars")?, "max_exemplars", report)?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}
