//! The `storage` section.

use super::diagnostics::Diagnostics;
use super::reader::Support::{Ignored, Read};
use super::reader::{Fields, Keys, count, mapping};
use super::yaml::Node;

/// The `storage` section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Storage {
    /// How many exemplars are kept, if that is said; none are with 0.
    pub(crate) max_exemplars: Option<usize>,
}

const KEYS: Keys = &[("tsdb", Ignored), ("exemplars", Read)];
const EXEMPLAR_KEYS: Keys = &[("max_exemplars", Read)];

/// Reads the `storage` section.
pub(crate) fn read_storage(node: &Node, report: &mut Diagnostics) -> Storage {
    let fields = Fields::read(node, "storage", KEYS, report);
    if let Some(node) = fields.get("tsdb") {
        mapping(node, "tsdb", report);
    }
    Storage {
        max_exemplars: fields
            .get("exemplars")
            .and_then(|node| read_max_exemplars(node, report)),
    }
}

fn read_max_exemplars(node: &Node, report: &mut Diagnostics) -> Option<usize> {
    let fields = Fields::read(node, "exemplars", EXEMPLAR_KEYS, report);
    let limit = count(fields.get("max_exemplars")?, "max_exemplars", report)?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}
