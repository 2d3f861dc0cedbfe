//! [`Replay`]: rebuilds the head from the records of the log.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError, RwLockWriteGuard};

use foldhash::fast::FixedState;
use moheng_metrics::{HistogramValue, Labels};

use super::late_samples::{LateSample, LateValue};
use super::open_extra::value_bits;
use super::page::{Page, PageData, place};
use super::replay_mapped::{MappedReplay, Verdict};
use super::series::{Series, Tail};
use super::stats::add;
use super::{FoundChunks, Head, SeriesId};
use crate::format::DecodeError;
use crate::format::wal_histograms::read_histograms;
use crate::format::wal_record::{RecordKind, read_series, record_kind};
use crate::format::wal_samples::{LoggedPlace, LoggedSample, read_samples, read_started_samples};

/// References below this are looked up in an array; the log of a small server never leaves it.
const DENSE_REFERENCES: u64 = 1 << 24;

/// In the array of references: unknown.
const UNKNOWN: SeriesId = SeriesId::MAX;

/// Rebuilds the head from the records of the log, in their order.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(super) head: &'a Head,
    dense: Vec<SeriesId>,
    sparse: HashMap<u64, SeriesId, FixedState>,
    pub(super) mapped: MappedReplay,
    pub(super) reference_max: u64,
    samples: Vec<LoggedSample>,
    pub(super) time_range: Option<(i64, i64)>,
    pub(super) counts: ReplayCounts,
}

/// What the log held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplayCounts {
    pub(crate) samples: u64,
    /// Older than, or at the time of, the newest sample of their series with another value.
    pub(crate) out_of_order: u64,
    /// Older than what the head takes: blocks hold them.
    pub(crate) in_blocks: u64,
    pub(crate) unknown_references: u64,
    /// Exemplars, metadata and deletions of series that the log does not name.
    pub(crate) unknown_notes: u64,
    /// Series of a chunk snapshot.
    pub(crate) restored_series: u64,
    /// Samples that files of mapped chunks have.
    pub(crate) in_mapped_chunks: u64,
    pub(crate) mapped_chunks: u64,
    pub(crate) new_chunks: u64,
    /// Of the log of late samples.
    pub(crate) late_samples: u64,
    /// Records of kinds that are not supported yet and can be left out.
    pub(crate) skipped: HashMap<&'static str, u64>,
}

impl Head {
    /// Starts to rebuild this head, which nobody else uses yet, of chunks from files and the log.
    pub(crate) fn replay(&self, found: FoundChunks) -> Replay<'_> {
        Replay {
            reference_max: found.reference_max,
            mapped: MappedReplay::new(found),
            head: self,
            dense: Vec::new(),
            sparse: HashMap::default(),
            samples: Vec::new(),
            time_range: None,
            counts: ReplayCounts::default(),
        }
    }
}

impl Replay<'_> {
    /// Applies one record.
    ///
    /// # Errors
    ///
    /// When the record is not well formed. Of a series record the series before the damage are known.
    pub(crate) fn record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Series => self.series(body),
            RecordKind::Samples => {
                let mut samples = std::mem::take(&mut self.samples);
                let outcome = read_samples(body, &mut samples);
                if outcome.is_ok() {
                    self.add_all(samples.iter().map(|sample| Logged {
                        place: LoggedPlace {
                            reference: sample.reference,
                            timestamp_ms: sample.timestamp_ms,
                            start_ms: 0,
                        },
                        value_bits: sample.value.to_bits(),
                        value: sample.value,
                    }));
                }
                self.samples = samples;
                outcome
            }
            RecordKind::SamplesWithStarts => {
                let mut samples = Vec::new();
                read_started_samples(body, &mut samples)?;
                self.add_all(samples.into_iter().map(|(place, value)| Logged {
                    place,
                    value_bits: value.to_bits(),
                    value,
                }));
                Ok(())
            }
            RecordKind::Histograms
            | RecordKind::FloatHistograms
            | RecordKind::CustomHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::HistogramsWithStarts
            | RecordKind::FloatHistogramsWithStarts => {
                let mut histograms = Vec::new();
                read_histograms(kind, body, &mut histograms)?;
                self.add_all(histograms.iter().map(|histogram| Logged {
                    place: histogram.place,
                    value_bits: value_bits(histogram.value.as_ref()),
                    value: histogram.value.as_ref(),
                }));
                Ok(())
            }
            RecordKind::Deletions => self.deletions(body),
            RecordKind::Exemplars => self.exemplars(body),
            RecordKind::Metadata => self.metadata(body),
            RecordKind::MappedChunks => {
                *self.counts.skipped.entry(kind.name()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Applies one record of the log of late samples. All records of the other log came before.
    ///
    /// # Errors
    ///
    /// When the record is not well formed.
    pub(crate) fn late_record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Samples => {
                let mut samples = Vec::new();
                read_samples(body, &mut samples)?;
                for sample in samples {
                    let value = LateValue::Float(sample.value);
                    self.add_late(sample.reference, LateSample::new(sample.timestamp_ms, 0, value));
                }
            }
            RecordKind::SamplesWithStarts => {
                let mut samples = Vec::new();
                read_started_samples(body, &mut samples)?;
                for (place, value) in samples {
                    let value = LateValue::Float(value);
                    let sample = LateSample::new(place.timestamp_ms, place.start_ms, value);
                    self.add_late(place.reference, sample);
                }
            }
            RecordKind::Histograms
            | RecordKind::FloatHistograms
            | RecordKind::CustomHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::HistogramsWithStarts
            | RecordKind::FloatHistogramsWithStarts => {
                let mut histograms = Vec::new();
                read_histograms(kind, body, &mut histograms)?;
                for logged in histograms {
                    let value = LateValue::Histogram(Box::new(logged.value));
                    let sample = LateSample::new(logged.place.timestamp_ms, logged.place.start_ms, value);
                    self.add_late(logged.place.reference, sample);
                }
            }
            // The samples of mapped chunks are in the log, too, until blocks hold them.
            RecordKind::MappedChunks => {}
            RecordKind::Series | RecordKind::Deletions | RecordKind::Exemplars | RecordKind::Metadata => {
                *self.counts.skipped.entry(kind.name()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The series with a reference.
    pub(super) fn find(&self, reference: u64) -> Option<SeriesId> {
        find(&self.dense, &self.sparse, reference)
    }

    fn add_late(&mut self, reference: u64, sample: LateSample) {
        let page = self.find(reference).and_then(|id| {
            let (number, slot) = place(id);
            Some((self.head.pages().get(number).cloned()?, slot))
        });
        let Some((page, slot)) = page else {
            self.counts.unknown_references += 1;
            // A new series with this reference would get the sample at the next start.
            self.reference_max = self.reference_max.max(reference);
            return;
        };
        let mut data = page.data_mut();
        let timestamp_ms = sample.timestamp_ms;
        self.counts.new_chunks += data.late_mut(slot).insert(sample, |_| true);
        drop(data);
        self.head.late_range().add(timestamp_ms, timestamp_ms);
        self.counts.late_samples += 1;
    }

    /// Lets queries and appends find what was replayed.
    pub(crate) fn finish(self) -> ReplayCounts {
        let head = self.head;
        let mut next = head.creation.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(self.reference_max + 1);
        drop(next);
        let pages = head.pages().clone();
        self.mapped.finish(|id, attach| {
            let (number, slot) = place(id);
            if let Some(page) = pages.get(number) {
                page.data_mut().series.get_mut(slot).map(attach);
            }
        });
        let mut used = Vec::new();
        let mut id: SeriesId = 0;
        for page in &pages {
            let mut tails = page.tails();
            let data = page.data();
            for (slot, (tail, series)) in tails.iter_mut().zip(&data.series).enumerate() {
                tail.set_from(series);
                let has_samples = tail.has_samples || data.late(slot).is_some();
                if has_samples && !tail.is_published {
                    tail.is_published = true;
                    used.push(id);
                }
                // Only a chunk snapshot may know its labels, from before the log was shortened.
                tail.is_logged &= has_samples;
                id += 1;
            }
        }
        let mut index = head.index_mut();
        for &id in &used {
            index.publish_samples(id);
        }
        drop(index);
        if let Some((start_ms, end_ms)) = self.time_range {
            head.time_range.add(start_ms, end_ms);
        }
        add(&head.counters.chunks_created, self.counts.new_chunks);
        self.counts
    }

    fn series(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut found = Ok(());
        let (mut references, mut named) = (Vec::new(), Vec::new());
        let read = read_series(body, &mut Vec::new(), |reference, pairs| {
            let is_sorted =
                pairs.is_sorted_by(|a, b| a.0 < b.0) && pairs.iter().all(|(_, value)| !value.is_empty());
            let labels = if is_sorted {
                Labels::from_sorted_pairs(pairs.iter().copied())
            } else {
                Labels::from_pairs(pairs.iter().copied())
            };
            if labels.is_empty() {
                found = Err(DecodeError::Invalid("series without labels"));
                return;
            }
            self.reference_max = self.reference_max.max(reference);
            references.push(reference);
            named.push(labels);
        });
        let labels: Vec<&Labels> = named.iter().collect();
        let (ids, _) = self.head.find_or_create(&labels, Some(&references));
        for (&reference, id) in references.iter().zip(ids) {
            if let Ok(id) = id {
                self.set_reference(reference, id);
                self.attach(reference, id);
            }
        }
        read.and(found)
    }

    pub(super) fn add_all<V: Value>(&mut self, samples: impl Iterator<Item = Logged<V>>) {
        let pages = self.head.pages();
        let valid_from_ms = self.head.valid_from_ms();
        let mut current: Option<OpenPage<'_>> = None;
        let (mut start_ms, mut end_ms) = self.time_range.unwrap_or((i64::MAX, i64::MIN));
        let counts = &mut self.counts;
        for sample in samples {
            let LoggedPlace {
                reference,
                timestamp_ms,
                start_ms: sample_start_ms,
            } = sample.place;
            if timestamp_ms < valid_from_ms {
                counts.in_blocks += 1;
                continue;
            }
            let Some(id) = find(&self.dense, &self.sparse, reference) else {
                counts.unknown_references += 1;
                continue;
            };
            let (number, slot) = place(id);
            if current.as_ref().is_none_or(|page| page.number != number) {
                // The guards of the last page go before those of the next come.
                drop(current.take());
                current = pages.get(number).map(|page| OpenPage::new(number, page));
            }
            let Some(series) = current.as_mut().and_then(|page| page.data.series.get_mut(slot)) else {
                counts.unknown_references += 1;
                continue;
            };
            let newest = series.end_ms();
            if newest.is_some_and(|newest| timestamp_ms <= newest) || self.mapped.is_waiting(id) {
                match self.mapped.judge(id, series, timestamp_ms, sample.value_bits) {
                    Verdict::Add => {}
                    Verdict::InMappedChunk => {
                        counts.in_mapped_chunks += 1;
                        continue;
                    }
                    Verdict::NotLater => {
                        let is_repeated =
                            newest == Some(timestamp_ms) && series.value_bits() == sample.value_bits;
                        counts.out_of_order += u64::from(!is_repeated);
                        continue;
                    }
                }
            }
            let is_new_chunk = sample.value.push(series, timestamp_ms, sample_start_ms) || newest.is_none();
            counts.new_chunks += u64::from(is_new_chunk);
            counts.samples += 1;
            start_ms = start_ms.min(timestamp_ms);
            end_ms = end_ms.max(timestamp_ms);
        }
        self.time_range = (start_ms <= end_ms).then_some((start_ms, end_ms));
    }

    /// Gives a series its chunks from files.
    pub(super) fn attach(&mut self, reference: u64, id: SeriesId) {
        let chunks = self.mapped.take(reference);
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
            return;
        };
        let (start_ms, end_ms) = self.time_range.unwrap_or((i64::MAX, i64::MIN));
        self.time_range = Some((start_ms.min(first.start_ms), end_ms.max(last.end_ms())));
        let (number, slot) = place(id);
        let Some(page) = self.head.pages().get(number).cloned() else {
            return;
        };
        let _tails = page.tails();
        if let Some(series) = page.data_mut().series.get_mut(slot) {
            let count = chunks.len();
            let left_out = series.attach(chunks);
            if left_out > 0 {
                tracing::warn!(
                    reference,
                    left_out,
                    "mapped chunks overlap others of their series"
                );
            }
            self.counts.mapped_chunks += (count - left_out) as u64;
            self.counts.new_chunks += (count - left_out) as u64;
        }
    }

    pub(super) fn set_reference(&mut self, reference: u64, id: SeriesId) {
        let (number, slot) = place(id);
        let page = self.head.pages().get(number).cloned();
        let is_first = page.is_some_and(|page| {
            let tails = page.tails();
            tails.get(slot).is_some_and(|tail| tail.reference == reference)
        });
        if !is_first {
            let mut aliases = self.head.aliases.lock().unwrap_or_else(PoisonError::into_inner);
            aliases.push((reference, id));
        }
        self.name(reference, id);
    }

    /// Lets records find a series by a reference.
    pub(super) fn name(&mut self, reference: u64, id: SeriesId) {
        if reference >= DENSE_REFERENCES {
            self.sparse.insert(reference, id);
            return;
        }
        let position = reference as usize;
        if self.dense.len() <= position {
            self.dense.resize(position + 1, UNKNOWN);
        }
        if let Some(slot) = self.dense.get_mut(position) {
            *slot = id;
        }
    }
}

/// The series with a reference.
#[inline]
fn find(dense: &[SeriesId], sparse: &HashMap<u64, SeriesId, FixedState>, reference: u64) -> Option<SeriesId> {
    let id = if reference < DENSE_REFERENCES {
        dense.get(reference as usize)
    } else {
        sparse.get(&reference)
    };
    id.copied().filter(|&id| id != UNKNOWN)
}

/// A sample from the log.
pub(super) struct Logged<V> {
    pub(super) place: LoggedPlace,
    pub(super) value_bits: u64,
    pub(super) value: V,
}

/// The value of a sample of either kind.
pub(super) trait Value: Copy {
    /// Adds the sample, which is later than all others of the series; returns whether that ended a chunk.
    fn push(self, series: &mut Series, timestamp_ms: i64, start_ms: i64) -> bool;
}

impl Value for f64 {
    #[inline]
    fn push(self, series: &mut Series, timestamp_ms: i64, start_ms: i64) -> bool {
        series.push_started(timestamp_ms, start_ms, self)
    }
}

impl Value for HistogramValue<'_> {
    fn push(self, series: &mut Series, timestamp_ms: i64, start_ms: i64) -> bool {
        series.push_histogram(timestamp_ms, start_ms, self)
    }
}

/// A page that stays locked while samples go to it.
pub(super) struct OpenPage<'a> {
    pub(super) number: usize,
    pub(super) data: RwLockWriteGuard<'a, PageData>,
    _tails: MutexGuard<'a, Vec<Tail>>,
}

impl<'a> OpenPage<'a> {
    pub(super) fn new(number: usize, page: &'a Page) -> Self {
        let tails = page.tails();
        Self {
            number,
            data: page.data_mut(),
            _tails: tails,
        }
    }
}
