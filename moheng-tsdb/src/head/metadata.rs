//! [`MetadataTable`]: what is known about the metric of each series, each different statement once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::Metadata;

use super::SeriesId;
use super::page::{PAGE_SERIES, place};

/// What is known about the metric of each series: four bytes for a series, and the statements.
#[derive(Debug, Default)]
pub(super) struct MetadataTable {
    /// By page; the numbers of the statements of its series.
    pages: Vec<Option<Box<[u32; PAGE_SERIES as usize]>>>,
    /// The statement with the number 1 comes first: 0 is none.
    statements: Vec<Statement>,
    numbers: HashMap<Arc<Metadata>, u32, FixedState>,
    /// Numbers without a series.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Statement {
    metadata: Arc<Metadata>,
    series: u32,
}

impl MetadataTable {
    /// What is known of a series.
    pub(super) fn get(&self, id: SeriesId) -> Option<&Arc<Metadata>> {
        let (page, slot) = place(id);
        let number = *self.pages.get(page)?.as_ref()?.get(slot)?;
        let statement = self.statements.get(number.checked_sub(1)? as usize)?;
        Some(&statement.metadata)
    }

    /// Replaces what is known of a series.
    pub(super) fn set(&mut self, id: SeriesId, metadata: &Metadata) {
        let Some(number) = self.number_of(metadata) else {
            return;
        };
        self.put(id, number);
    }

    /// Forgets series.
    pub(super) fn remove(&mut self, ids: &[SeriesId]) {
        for &id in ids {
            let is_known = self.get(id).is_some();
            if is_known {
                self.put(id, 0);
            }
        }
        for page in &mut self.pages {
            page.take_if(|page| page.iter().all(|&number| number == 0));
        }
    }

    /// The number of a statement, counted for one more series; `None` when numbers are used up.
    fn number_of(&mut self, metadata: &Metadata) -> Option<u32> {
        if let Some(&number) = self.numbers.get(metadata) {
            self.statement(number)?.series += 1;
            return Some(number);
        }
        let metadata = Arc::new(metadata.clone());
        let statement = Statement {
            metadata: Arc::clone(&metadata),
            series: 1,
        };
        let number = if let Some(number) = self.free.pop() {
            *self.statement(number)? = statement;
            number
        } else {
            let number = u32::try_from(self.statements.len() + 1).ok()?;
            self.statements.push(statement);
            number
        };
        self.numbers.insert(metadata, number);
        Some(number)
    }

    fn statement(&mut self, number: u32) -> Option<&mut Statement> {
        self.statements.get_mut(number.checked_sub(1)? as usize)
    }

    /// Points a series to a statement, and forgets the last one when no other series has it.
    fn put(&mut self, id: SeriesId, number: u32) {
        let (page, slot) = place(id);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let Some(slot) = self.pages.get_mut(page).and_then(|page| {
            let page = page.get_or_insert_with(|| Box::new([0; PAGE_SERIES as usize]));
            page.get_mut(slot)
        }) else {
            return;
        };
        let before = std::mem::replace(slot, number);
        let Some(statement) = self.statement(before) else {
            return;
        };
        statement.series -= 1;
        if statement.series == 0 {
            let metadata = std::mem::take(&mut statement.metadata);
            self.numbers.remove(&metadata);
            self.free.push(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn metadata(number: u8) -> Metadata {
        Metadata {
            help: format!("Help {number}."),
            ..Metadata::default()
        }
    }

    proptest! {
        #[test]
        fn is_a_map(changes in prop::collection::vec((0_u32..600, prop::option::weighted(0.7, 0_u8..5)), 0..80)) {
            let mut table = MetadataTable::default();
            let mut expected: BTreeMap<u32, u8> = BTreeMap::new();
            for (id, number) in changes {
                if let Some(number) = number {
                    table.set(id, &metadata(number));
                    expected.insert(id, number);
                } else {
                    table.remove(&[id]);
                    expected.remove(&id);
                }
            }
            for id in 0..700 {
                let found = table.get(id).map(|metadata| (**metadata).clone());
                prop_assert_eq!(found, expected.get(&id).copied().map(metadata));
            }
            let mut different: Vec<u8> = expected.values().copied().collect();
            different.sort_unstable();
            different.dedup();
            prop_assert_eq!(table.numbers.len(), different.len());
            prop_assert_eq!(table.statements.len(), different.len() + table.free.len());
            let pages = table.pages.iter().flatten().count();
            prop_assert!(pages <= expected.len());
        }
    }
}
