//! [`MemorySource`]: the obvious implementation of both seams.

mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use self::series::{MemorySample, MemorySeries, MemoryValue};
use crate::source::{
    SampleBuffer, SampleCursor, Select, SelectedSeries, SeriesCursor, SeriesSource, SourceError,
};
use crate::{
    AppendBatch, Appended, Exemplar, Labels, Matcher, Metadata, SampleError, SampleOutcome, SampleSink,
    SeriesKey, SeriesRef, SinkError,
};

/// Series in a `Vec` behind a [`BTreeMap`] of their labels: simple enough to be right at a glance, slow, and never on disk.
///
/// It is for examples and tests, and the oracle that the real database is compared with. It stores all that a
/// [`SampleSink`] can take: floats and native histograms of both flavours, also in one series, start timestamps, exemplars
/// and metadata. Histograms come back with [`crate::histogram::ResetHint::NotReset`] where the one before shows that.
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

impl MemorySource {
    /// A source without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.read().series.len()
    }

    /// The exemplars in the time range of `select`, ascending by time, of all series it matches that have one, ascending by
    /// labels.
    pub fn exemplars(&self, select: &Select) -> Vec<(Labels, Vec<Exemplar>)> {
        let range = select.start_ms..=select.end_ms;
        let in_range = |exemplar: &&Exemplar| {
            exemplar
                .timestamp_ms
                .is_some_and(|time_ms| range.contains(&time_ms))
        };
        let store = self.read();
        let of_series = store.matching(select).map(|series| {
            let exemplars: Vec<Exemplar> = series.exemplars.iter().filter(in_range).cloned().collect();
            (series.labels.clone(), exemplars)
        });
        of_series.filter(|(_, exemplars)| !exemplars.is_empty()).collect()
    }

    /// The newest metadata of all series that `select` matches and that have some, ascending by labels. The time range does
    /// not matter.
    pub fn metadata(&self, select: &Select) -> Vec<(Labels, Metadata)> {
        let store = self.read();
        let of_series = store.matching(select);
        let known = of_series.filter_map(|series| Some((series.labels.clone(), series.metadata.clone()?)));
        known.collect()
    }

    /// Deletes the samples from `start_ms` to `end_ms`, both inclusive, that the series all `matchers` match have now.
    ///
    /// They are only not read any more: what is appended next is still judged by the newest sample, deleted or not.
    pub fn delete(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        for series in &mut store.series {
            if matchers.iter().all(|matcher| matcher.matches(&series.labels)) {
                series.delete(start_ms, end_ms);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn matching_labels(&self, select: &Select) -> Vec<Labels> {
        let store = self.read();
        let has_samples = |series: &&MemorySeries| series.visible().any(|sample| is_in(select, sample));
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
        let mut appended = Appended::default();
        for (index, entry) in batch.entries.iter().enumerate() {
            let sample = MemorySample {
                timestamp_ms: entry.timestamp_ms,
                start_timestamp_ms: batch.start_timestamp_ms(index),
                value: MemoryValue::Float(entry.value),
            };
            appended.outcomes.push(store.append(entry.series, sample));
        }
        for entry in &batch.histograms {
            let outcome = MemoryValue::of_histogram(entry.value).and_then(|value| {
                let sample = MemorySample {
                    timestamp_ms: entry.timestamp_ms,
                    start_timestamp_ms: entry.start_timestamp_ms,
                    value,
                };
                store.append(entry.series, sample)
            });
            appended.histogram_outcomes.push(outcome);
        }
        for entry in &batch.exemplars {
            let add = |series: &mut MemorySeries| series.append_exemplar(entry.timestamp_ms, entry.exemplar);
            appended.exemplar_outcomes.push(store.change(entry.series, add));
        }
        for entry in &batch.metadata {
            let set = |series: &mut MemorySeries| {
                series.metadata = Some(entry.metadata.clone());
                Ok(())
            };
            appended.metadata_outcomes.push(store.change(entry.series, set));
        }
        appended.series_created = store.series.len() - before;
        Ok(appended)
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Store {
    fn append(&mut self, series: SeriesKey<'_>, sample: MemorySample) -> SampleOutcome {
        if let SeriesKey::Labels(labels) = series {
            if labels.is_empty() {
                return Err(SampleError::InvalidLabels);
            }
            self.create(labels);
        }
        self.change(series, |series| series.append(sample))
    }

    /// Changes a series that exists.
    fn change(
        &mut self,
        series: SeriesKey<'_>,
        change: impl FnOnce(&mut MemorySeries) -> Result<(), SampleError>,
    ) -> SampleOutcome {
        let index = match series {
            SeriesKey::Labels(labels) => self.by_labels.get(labels).copied(),
            SeriesKey::Reference(SeriesRef(number)) => number
                .checked_sub(1)
                .and_then(|index| usize::try_from(index).ok()),
        };
        let index = index.ok_or(SampleError::UnknownReference)?;
        change(self.series.get_mut(index).ok_or(SampleError::UnknownReference)?)?;
        Ok(SeriesRef(index as u64 + 1))
    }

    fn create(&mut self, labels: &Labels) {
        if !self.by_labels.contains_key(labels) {
            self.by_labels.insert(labels.clone(), self.series.len());
            self.series.push(MemorySeries::new(labels.clone()));
        }
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
        let in_range = |series: &MemorySeries| -> Vec<MemorySample> {
            let samples = series.visible();
            samples.filter(|sample| is_in(select, sample)).cloned().collect()
        };
        let selected: Vec<(Labels, Vec<MemorySample>)> = store
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

fn is_in(select: &Select, sample: &MemorySample) -> bool {
    (select.start_ms..=select.end_ms).contains(&sample.timestamp_ms)
}

struct MemoryCursor {
    selected: std::vec::IntoIter<(Labels, Vec<MemorySample>)>,
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
    samples: Vec<MemorySample>,
    next: usize,
}

impl SampleCursor for MemorySamples {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        let rest = self.samples.get(self.next..).unwrap_or_default();
        let batch = rest.get(..BATCH_SAMPLES).unwrap_or(rest);
        for sample in batch {
            sample.push_to(buffer);
        }
        self.next += batch.len();
        Ok(!batch.is_empty())
    }
}
