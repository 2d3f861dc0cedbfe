//! [`FieldNames`]: which of the kernel's fields are reported, and under which names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use moheng_metrics::Pattern;

use super::filter::unanchored;
use crate::HostError;
use crate::proc::text;

/// More fields than any kernel has.
const FIELDS_MAX: usize = 4096;

/// Remembers which of the kernel's fields a pattern keeps, since there are hundreds and always the same.
#[derive(Debug)]
pub(super) struct FieldNames {
    prefix: &'static str,
    pattern: Pattern,
    /// The name of the metric by the name of the field; nothing for those that are not kept.
    known: Mutex<HashMap<Vec<u8>, Option<String>>>,
}

impl FieldNames {
    pub(super) fn new(
        collector: &'static str,
        prefix: &'static str,
        pattern: &str,
    ) -> Result<Self, HostError> {
        Ok(Self {
            prefix,
            pattern: unanchored(collector, pattern)?,
            known: Mutex::default(),
        })
    }

    /// The name of the metric for a field, when it is kept.
    pub(super) fn metric_name(&self, field: &[u8]) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.get(field) {
            return name.clone();
        }
        let text = text(field);
        let name = self
            .pattern
            .is_match(&text)
            .then(|| format!("{}{text}", self.prefix));
        if known.len() < FIELDS_MAX {
            known.insert(field.to_vec(), name.clone());
        }
        name
    }
}
