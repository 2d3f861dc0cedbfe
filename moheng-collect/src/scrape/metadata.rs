//! [`MetadataCache`]: types and help texts of what a target exposes.

use std::collections::HashMap;
use std::sync::Arc;

use moheng_metrics::MetricKind;

/// What a target says about one of its metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricMetadata {
    /// The metric family.
    pub name: String,
    /// Its type.
    pub kind: MetricKind,
    /// Its help text; may be empty.
    pub help: String,
    /// Its unit; empty where the format has no word for it.
    pub unit: String,
}

/// Metadata by metric. Like series it comes in the same order every time, which is tried first.
#[derive(Debug, Default)]
pub(super) struct MetadataCache {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    cursor: usize,
    pass: u32,
    is_changed: bool,
}

#[derive(Debug)]
struct Entry {
    metadata: Arc<MetricMetadata>,
    last_pass: u32,
}

impl MetadataCache {
    pub(super) fn begin(&mut self) {
        self.cursor = 0;
        self.pass += 1;
    }

    pub(super) fn set_kind(&mut self, name: &str, kind: MetricKind) {
        let entry = self.entry(name);
        if entry.kind != kind {
            Arc::make_mut(entry).kind = kind;
            self.is_changed = true;
        }
    }

    pub(super) fn set_help(&mut self, name: &str, help: &str) {
        let entry = self.entry(name);
        if entry.help != help {
            help.clone_into(&mut Arc::make_mut(entry).help);
            self.is_changed = true;
        }
    }

    /// Ends a successful pass. If it read all comments, what it did not read is forgotten.
    pub(super) fn commit(&mut self, has_read_all: bool) {
        let is_gone = |entry: &Entry| has_read_all && entry.last_pass != self.pass;
        if self.entries.iter().any(is_gone) {
            self.entries.retain(|entry| !is_gone(entry));
            let names = self.entries.iter().enumerate();
            self.by_name = names
                .map(|(index, entry)| (entry.metadata.name.clone(), index))
                .collect();
            self.is_changed = true;
        }
    }

    /// All metadata, if it is not what was returned last time.
    pub(super) fn take_changed(&mut self) -> Option<Arc<[Arc<MetricMetadata>]>> {
        std::mem::take(&mut self.is_changed)
            .then(|| self.entries.iter().map(|entry| entry.metadata.clone()).collect())
    }

    fn entry(&mut self, name: &str) -> &mut Arc<MetricMetadata> {
        let is_at = |index: usize| {
            self.entries
                .get(index)
                .is_some_and(|entry| entry.metadata.name == name)
        };
        let index = if is_at(self.cursor) {
            self.cursor
        } else if is_at(self.cursor + 1) {
            self.cursor + 1
        } else if let Some(&index) = self.by_name.get(name) {
            index
        } else {
            self.add(name)
        };
        self.cursor = index;
        let entry = &mut self.entries[index];
        entry.last_pass = self.pass;
        &mut entry.metadata
    }

    fn add(&mut self, name: &str) -> usize {
        let index = self.entries.len();
        let metadata = MetricMetadata {
            name: name.to_owned(),
            ..MetricMetadata::default()
        };
        self.entries.push(Entry {
            metadata: Arc::new(metadata),
            last_pass: self.pass,
        });
        self.by_name.insert(name.to_owned(), index);
        self.is_changed = true;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_handed_out_and_what_is_gone_is_forgotten() {
        let mut cache = MetadataCache::default();
        let names = |cache: &mut MetadataCache| -> Option<Vec<String>> {
            let changed = cache.take_changed()?;
            Some(
                changed
                    .iter()
                    .map(|metadata| format!("{} {} {}", metadata.name, metadata.kind.as_str(), metadata.help))
                    .collect(),
            )
        };
        let pass = |cache: &mut MetadataCache, with_b: bool, has_read_all: bool| {
            cache.begin();
            cache.set_help("a", "A.");
            cache.set_kind("a", MetricKind::Counter);
            if with_b {
                cache.set_kind("b", MetricKind::Gauge);
            }
            cache.commit(has_read_all);
        };
        let both = vec!["a counter A.".to_owned(), "b gauge ".to_owned()];
        pass(&mut cache, true, true);
        assert_eq!(names(&mut cache), Some(both.clone()));
        pass(&mut cache, true, true);
        assert_eq!(names(&mut cache), None);
        pass(&mut cache, false, false);
        assert_eq!(names(&mut cache), None);
        pass(&mut cache, false, true);
        assert_eq!(names(&mut cache), Some(vec!["a counter A.".to_owned()]));
        pass(&mut cache, true, true);
        assert_eq!(names(&mut cache), Some(both));
    }
}
