//! `relabel_configs` and `metric_relabel_configs`.

use super::diagnostics::Diagnostics;
use super::reader::{Fields, NOT_SUPPORTED};

/// One relabelling step.
#[derive(Clone, Debug)]
pub(crate) struct RelabelConfig;

/// Reads a list of relabelling steps.
pub(crate) fn read_relabel_configs(
    fields: &Fields<'_>,
    key: &str,
    report: &mut Diagnostics,
) -> Vec<RelabelConfig> {
    if let Some(node) = fields.get(key) {
        report.error(node.position, format!("`{key}` {NOT_SUPPORTED}"));
    }
    Vec::new()
}
