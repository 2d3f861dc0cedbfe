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

/// Series in a `Vec` behind a [`BTreeMap`] of their labels: simple enough to be right at a glance, slow, and never on disk.
///
/// It is for examples and tests, and the oracle that the real database is compared with.
#[derive(Debug, Default)]
pub struct MemorySource {
    store: RwLock<Store>,
}

#[derive(Debug, Default)]
struct Store {
    /// In the order of creation; a reference is the index plus one.
    series: Vec<MemorySeries>,
    /// Indexes into `series`.
    by_labels: BTreeMap<Labels, usize>,
}

#[derive(Debug)]
struct MemorySeries {
    labels: Labels,
    samples: Vec<Sample>,
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
        let store = self.read();
        let has_samples = |series: &&MemorySeries| series.samples.iter().any(|sample| is_in(select, sample));
        store
            .matching(select)
            .filter(has_samples)
            .map(|series| series.labels.clone())
            .collect()
    }
}

impl SampleSink for MemorySource {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let before = store.series.len();
        let outcomes = batch.entries.iter().map(|entry| store.append(entry)).collect();
        Ok(Appended::new(outcomes, store.series.len() - before).with_floats_only(batch))
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Store {
    fn append(&mut self, entry: &AppendEntry<'_>) -> SampleOutcome {
        let index = match entry.series {
            SeriesKey::Labels(labels) if labels.is_empty() => return Err(SampleError::InvalidLabels),
            SeriesKey::Labels(labels) => self.find_or_create(labels),
            // Zero wraps to an index that no series has.
            SeriesKey::Reference(SeriesRef(number)) => {
                usize::try_from(number.wrapping_sub(1)).unwrap_or(usize::MAX)
            }
        };
        let series = self.series.get_mut(index).ok_or(SampleError::UnknownReference)?;
        match series.samples.last() {
            Some(last) if entry.timestamp_ms < last.timestamp_ms => return Err(SampleError::OutOfOrder),
            Some(last) if entry.timestamp_ms == last.timestamp_ms => {
                if entry.value.to_bits() != last.value.to_bits() {
                    return Err(SampleError::DuplicateTimestamp);
                }
            }
            _ => series.samples.push(Sample {
                timestamp_ms: entry.timestamp_ms,
                value: entry.value,
            }),
        }
        Ok(SeriesRef(index as u64 + 1))
    }

    fn find_or_create(&mut self, labels: &Labels) -> usize {
        if let Some(index) = self.by_labels.get(labels) {
            return *index;
        }
        let index = self.series.len();
        self.by_labels.insert(labels.clone(), index);
        self.series.push(MemorySeries {
            labels: labels.clone(),
            samples: Vec::new(),
        });
        index
    }

    /// The series all matchers match, ascending by labels.
    fn matching(&self, select: &Select) -> impl Iterator<Item = &MemorySeries> {
        let all = self
            .by_labels
            .values()
            .filter_map(|index| self.series.get(*index));
        all.filter(|series| select.matches(&series.labels))
    }
}

impl SeriesSource for MemorySource {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let store = self.read();
        let in_range = |series: &MemorySeries| -> Vec<Sample> {
            let samples = series.samples.iter();
            samples.filter(|sample| is_in(select, sample)).copied().collect()
        };
        let selected: Vec<(Labels, Vec<Sample>)> = store
            .matching(select)
            .map(|series| (series.labels.clone(), in_range(series)))
            .filter(|(_, samples)| !samples.is_empty())
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
