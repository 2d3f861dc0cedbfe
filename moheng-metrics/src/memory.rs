//! [`MemorySource`]: the obvious implementation of both seams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::source::{
    SampleBuffer, SampleCursor, Select, SelectedSeries, SeriesCursor, SeriesSource, SourceError,
};
use crate::{
    AppendBatch, AppendEntry, Appended, Labels, Sample, SampleError, SampleOutcome, SampleSink, SeriesKey,
    SeriesRef, SinkError,
};

/// Series in a [`BTreeMap`]: simple enough to be right at a glance, slow, and never on disk.
///
/// It is for examples and tests, and the oracle that the real database is compared with.
#[derive(Debug, Default)]
pub struct MemorySource {
    store: RwLock<Store>,
}

#[derive(Debug, Default)]
struct Store {
    series: BTreeMap<Labels, Vec<Sample>>,
    /// Index = reference - 1.
    references: Vec<Labels>,
}

impl MemorySource {
    /// A source without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.read().series.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn matching_labels(&self, select: &Select) -> Vec<Labels> {
        self.read()
            .series
            .iter()
            .filter(|(labels, samples)| {
                select.matches(labels) && samples.iter().any(|sample| is_in(select, sample))
            })
            .map(|(labels, _)| labels.clone())
            .collect()
    }
}

impl SampleSink for MemorySource {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let before = store.series.len();
        let outcomes = batch.entries.iter().map(|entry| store.append(entry)).collect();
        Ok(Appended::new(outcomes, store.series.len() - before))
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Store {
    fn append(&mut self, entry: &AppendEntry<'_>) -> SampleOutcome {
        let labels = match entry.series {
            SeriesKey::Labels(labels) if labels.is_empty() => return Err(SampleError::InvalidLabels),
            SeriesKey::Labels(labels) => labels.clone(),
            SeriesKey::Reference(SeriesRef(number)) => {
                let index = usize::try_from(number)
                    .ok()
                    .and_then(|number| number.checked_sub(1));
                index
                    .and_then(|index| self.references.get(index))
                    .ok_or(SampleError::UnknownReference)?
                    .clone()
            }
        };
        if !self.series.contains_key(&labels) {
            self.references.push(labels.clone());
        }
        let samples = self.series.entry(labels.clone()).or_default();
        match samples.last() {
            Some(last) if entry.timestamp_ms < last.timestamp_ms => return Err(SampleError::OutOfOrder),
            Some(last) if entry.timestamp_ms == last.timestamp_ms => {
                if entry.value.to_bits() != last.value.to_bits() {
                    return Err(SampleError::DuplicateTimestamp);
                }
            }
            _ => samples.push(Sample {
                timestamp_ms: entry.timestamp_ms,
                value: entry.value,
            }),
        }
        let position = self.references.iter().position(|candidate| *candidate == labels);
        position
            .map(|index| SeriesRef(index as u64 + 1))
            .ok_or(SampleError::UnknownReference)
    }
}

impl SeriesSource for MemorySource {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let store = self.read();
        let selected: Vec<(Labels, Vec<Sample>)> = store
            .series
            .iter()
            .filter(|(labels, _)| select.matches(labels))
            .map(|(labels, samples)| {
                (
                    labels.clone(),
                    samples
                        .iter()
                        .filter(|sample| is_in(select, sample))
                        .copied()
                        .collect(),
                )
            })
            .filter(|(_, samples): &(Labels, Vec<Sample>)| !samples.is_empty())
            .take(select.limit.unwrap_or(usize::MAX))
            .collect();
        Ok(Box::new(MemoryCursor {
            selected: selected.into_iter(),
        }))
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        let matching = self.matching_labels(select);
        let names: BTreeSet<&str> = matching
            .iter()
            .flat_map(|labels| labels.iter().map(|(name, _)| name))
            .collect();
        Ok(names
            .into_iter()
            .take(select.limit.unwrap_or(usize::MAX))
            .map(str::to_owned)
            .collect())
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        let matching = self.matching_labels(select);
        let values: BTreeSet<&str> = matching.iter().filter_map(|labels| labels.get(name)).collect();
        Ok(values
            .into_iter()
            .take(select.limit.unwrap_or(usize::MAX))
            .map(str::to_owned)
            .collect())
    }
}

fn is_in(select: &Select, sample: &Sample) -> bool {
    (select.start_ms..=select.end_ms).contains(&sample.timestamp_ms)
}

struct MemoryCursor {
    selected: std::vec::IntoIter<(Labels, Vec<Sample>)>,
}

impl<'a> SeriesCursor<'a> for MemoryCursor {
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        Ok(self.selected.next().map(|(labels, samples)| SelectedSeries {
            labels,
            samples: Box::new(MemorySamples { samples, next: 0 }),
        }))
    }

    fn remaining_hint(&self) -> Option<usize> {
        Some(self.selected.len())
    }
}

/// Hands out three samples a batch, so that users of the seam meet batch borders early.
const BATCH_SAMPLES: usize = 3;

struct MemorySamples {
    samples: Vec<Sample>,
    next: usize,
}

impl SampleCursor for MemorySamples {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        let rest = self.samples.get(self.next..).unwrap_or_default();
        let batch = rest.get(..BATCH_SAMPLES).unwrap_or(rest);
        for sample in batch {
            buffer.floats.push(sample.timestamp_ms, sample.value);
        }
        self.next += batch.len();
        Ok(!batch.is_empty())
    }
}
