//! [`Model`]: what the database must hold, may hold, and must not hold.

use std::collections::BTreeMap;

use moheng_metrics::testing::{ReadSample, ReadValue};
use moheng_metrics::{Labels, SampleError, Select};

use crate::WalSync;
use crate::block::Interval;

/// What was read: series with their samples.
pub(super) type Observed = Vec<(Labels, Vec<ReadSample>)>;

/// By series and time, what may be read there.
pub(super) type View = BTreeMap<Labels, BTreeMap<i64, Vec<Candidate>>>;

/// A sample that is or may be in the database.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) value: ReadValue,
    start_ms: i64,
    pub(super) sureness: Sureness,
    /// Whether a power cut leaves it, or its deletion.
    is_synced: bool,
    /// It may be gone at any time: beyond the retention, appended where something was deleted, or one of several of its time.
    is_optional: bool,
    /// When it was acknowledged, by the monotonic clock.
    acknowledged_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sureness {
    /// It was acknowledged: it is there.
    Sure,
    /// It was acknowledged, and a power cut came before a sync: the next opening shows.
    Unsure,
    /// Appending it failed: it is not there before the next opening, which shows.
    Failed,
    /// It is not there, and may come back after a power cut.
    Deleted,
}

/// What the database must hold, may hold, and must not hold.
#[derive(Debug)]
pub(super) struct Model {
    policy: WalSync,
    content: View,
    /// Of all samples ever accepted.
    pub(super) newest_ms: Option<i64>,
    /// Whether anything was ever moved to blocks.
    pub(super) has_compacted: bool,
    /// How old late samples may be.
    pub(super) window_ms: i64,
    /// Whether late samples were ever taken.
    has_late: bool,
    pub(super) marks: BTreeMap<Labels, Marks>,
}

/// What is known of a series besides its samples.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The timestamp of the newest sample that was ever taken, at least.
    newest_ms: Option<i64>,
    /// Where something was deleted.
    deleted: Vec<Interval>,
}

impl Marks {
    fn is_deleted(&self, time_ms: i64) -> bool {
        self.deleted
            .iter()
            .any(|interval| interval.overlaps(time_ms, time_ms))
    }
}

impl Model {
    pub(super) fn new(policy: WalSync) -> Self {
        Self {
            policy,
            content: View::new(),
            newest_ms: None,
            has_compacted: false,
            window_ms: 0,
            has_late: false,
            marks: BTreeMap::new(),
        }
    }

    /// Late samples are taken within this window from now on.
    pub(super) fn set_window_ms(&mut self, window_ms: i64) {
        self.window_ms = window_ms;
        self.has_late |= window_ms > 0;
    }

    /// Whether an outcome of an append is right, and what follows from it.
    pub(super) fn outcome(
        &mut self,
        labels: &Labels,
        sample: &ReadSample,
        outcome: Result<(), SampleError>,
        now_ms: u64,
    ) -> Result<(), String> {
        /// Memory keeps at least so much.
        const HEAD_MS: i64 = 3_600_000;
        let time_ms = sample.timestamp_ms;
        let marks = self.marks.get(labels);
        let is_deleted = marks.is_some_and(|marks| marks.is_deleted(time_ms));
        let candidates = self.content.get(labels).and_then(|series| series.get(&time_ms));
        let candidates = candidates.map_or(&[][..], Vec::as_slice);
        let here = candidates.iter().find(|candidate| candidate.is_there());
        let is_older_than = |end_ms: i64| {
            self.newest_ms
                .is_some_and(|newest_ms| time_ms < newest_ms - end_ms)
        };
        let is_right = match outcome {
            Ok(()) => {
                let is_free = |here: &Candidate| here.value == sample.value || here.is_optional;
                here.is_none_or(is_free) || self.has_late
            }
            Err(SampleError::OutOfOrder) => {
                marks.is_some_and(|marks| marks.newest_ms.is_some_and(|newest_ms| time_ms < newest_ms))
            }
            Err(SampleError::DuplicateTimestamp) => {
                is_deleted
                    || candidates.iter().any(|candidate| {
                        candidate.value != sample.value && candidate.sureness != Sureness::Failed
                    })
            }
            Err(SampleError::OutOfBounds) => {
                (self.has_compacted && is_older_than(HEAD_MS))
                    || (self.window_ms > 0 && is_older_than(self.window_ms))
            }
            Err(SampleError::UnknownReference) => self.has_compacted,
            Err(_) => false,
        };
        if !is_right {
            return Err(format!(
                "appending {sample:?} to {labels} gives {outcome:?}, there is {candidates:?}"
            ));
        }
        if outcome.is_ok() {
            self.accept(labels, sample, is_deleted, now_ms);
        }
        Ok(())
    }

    fn accept(&mut self, labels: &Labels, sample: &ReadSample, is_deleted: bool, now_ms: u64) {
        let time_ms = sample.timestamp_ms;
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        let marks = self.marks.entry(labels.clone()).or_default();
        let is_newest = marks.newest_ms == Some(time_ms);
        marks.newest_ms = marks.newest_ms.max(Some(time_ms));
        let has_late = self.has_late;
        let mut candidate = self.candidate(sample, Sureness::Sure, now_ms);
        // The newest one again changes nothing.
        candidate.is_optional = is_deleted && is_newest;
        let candidates = self.place(labels, time_ms);
        let is_known = |other: &Candidate| {
            other.is_there()
                && other.value == candidate.value
                && (!has_late || other.start_ms == candidate.start_ms)
        };
        if candidates.iter().any(is_known) {
            return;
        }
        if !has_late {
            candidates.retain(|candidate| candidate.sureness == Sureness::Deleted);
        }
        candidates.push(candidate);
    }

    /// Samples of these series from `start_ms` to `end_ms` are deleted, or perhaps some of them when `is_sure` is not set.
    pub(super) fn delete(&mut self, select: &Select, is_sure: bool, now_ms: u64) {
        let policy = self.policy;
        for (labels, series) in &mut self.content {
            if !select.matches(labels) {
                continue;
            }
            for (_, candidates) in series.range_mut(select.start_ms..=select.end_ms) {
                for candidate in &mut *candidates {
                    match candidate.sureness {
                        Sureness::Sure | Sureness::Unsure if is_sure => {
                            candidate.sureness = Sureness::Deleted;
                            candidate.is_synced = policy == WalSync::Always;
                            candidate.acknowledged_ms = now_ms;
                        }
                        // A restart may undo what was deleted, even a later one.
                        _ => candidate.is_optional |= !is_sure,
                    }
                }
                candidates.retain(|candidate| !candidate.is_gone());
            }
            let marks = self.marks.entry(labels.clone()).or_default();
            if let Some(newest_ms) = marks.newest_ms {
                marks.deleted.push(Interval {
                    start_ms: select.start_ms,
                    end_ms: select.end_ms.min(newest_ms),
                });
            }
        }
    }

    /// The sample was in a batch that failed.
    pub(super) fn failed(&mut self, labels: &Labels, sample: &ReadSample, now_ms: u64) {
        let candidate = self.candidate(sample, Sureness::Failed, now_ms);
        self.place(labels, sample.timestamp_ms).push(candidate);
    }

    /// All that was acknowledged before this monotonic time is synced.
    pub(super) fn synced_until(&mut self, time_ms: u64) {
        for candidate in self.candidates_mut() {
            let is_covered = candidate.acknowledged_ms <= time_ms;
            let is_known = matches!(candidate.sureness, Sureness::Sure | Sureness::Deleted);
            candidate.is_synced |= is_covered && is_known;
        }
        self.drop_gone();
    }

    /// Samples before this time may be removed because of the retention.
    pub(super) fn expire_before(&mut self, time_ms: i64) {
        for series in self.content.values_mut() {
            for (_, candidates) in series.range_mut(..time_ms) {
                for candidate in candidates {
                    candidate.is_optional = true;
                }
            }
        }
    }

    /// The machine lost power.
    pub(super) fn power_cut(&mut self) {
        for candidate in self.candidates_mut() {
            if !candidate.is_synced && matches!(candidate.sureness, Sureness::Sure | Sureness::Deleted) {
                candidate.sureness = Sureness::Unsure;
            }
        }
    }

    /// The process is gone: what failed may turn up when the database is opened.
    pub(super) fn end_process(&mut self) {
        for candidate in self.candidates_mut() {
            if candidate.sureness == Sureness::Failed {
                candidate.sureness = Sureness::Unsure;
            }
        }
    }

    /// What the database was seen to hold after it was opened is what it holds from now on.
    pub(super) fn adopt(&mut self, observed: &Observed) {
        let mut found: BTreeMap<&Labels, BTreeMap<i64, &ReadSample>> = BTreeMap::new();
        for (labels, samples) in observed {
            let by_time = samples.iter().map(|sample| (sample.timestamp_ms, sample));
            found.insert(labels, by_time.collect());
        }
        for (labels, series) in &mut self.content {
            let found = found.get(labels);
            for (time_ms, candidates) in series.iter_mut() {
                let sample = found.and_then(|found| found.get(time_ms));
                let mut is_found = false;
                candidates.retain_mut(|candidate| {
                    let is_first = !is_found && sample.is_some_and(|sample| candidate.is(sample));
                    if is_first {
                        is_found = true;
                        candidate.sureness = Sureness::Sure;
                        candidate.is_synced = true;
                        return true;
                    }
                    match candidate.sureness {
                        // It may be there behind the one of its time that is handed out.
                        Sureness::Sure | Sureness::Unsure if sample.is_some() => {
                            candidate.is_optional = true;
                            self.has_late
                        }
                        _ => candidate.is_optional && sample.is_none(),
                    }
                });
            }
            series.retain(|_, candidates| !candidates.is_empty());
        }
        self.content.retain(|_, series| !series.is_empty());
        for labels in found.keys() {
            self.marks.entry((*labels).clone()).or_default();
        }
        for (labels, marks) in &mut self.marks {
            let newest = found.get(labels).and_then(|found| found.last_key_value());
            let deleted_ms = marks.deleted.iter().map(|interval| interval.end_ms).max();
            let newest_ms = newest.map(|(time_ms, _)| *time_ms).max(deleted_ms);
            let optional = self.content.get(labels).into_iter().flatten();
            let optional_ms = optional.map(|(time_ms, _)| *time_ms).max();
            marks.newest_ms = newest_ms.max(optional_ms);
        }
    }

    /// The part of the model that a query selects.
    pub(super) fn view(&self, select: &Select) -> View {
        let mut view = View::new();
        if select.start_ms > select.end_ms {
            return view;
        }
        for (labels, series) in self.content.iter().filter(|(labels, _)| select.matches(labels)) {
            let samples: BTreeMap<i64, Vec<Candidate>> = series
                .range(select.start_ms..=select.end_ms)
                .map(|(time_ms, candidates)| (*time_ms, candidates.clone()))
                .collect();
            if !samples.is_empty() {
                view.insert(labels.clone(), samples);
            }
        }
        view
    }

    /// The series of which something was deleted.
    pub(super) fn with_deletions(&self) -> impl Iterator<Item = &Labels> {
        let deleted = self.marks.iter().filter(|(_, marks)| !marks.deleted.is_empty());
        deleted.map(|(labels, _)| labels)
    }

    /// Everything.
    pub(super) fn all(&self) -> &View {
        &self.content
    }

    /// Whether samples were appended that the model is sure of.
    pub(super) fn sample_count(&self) -> usize {
        self.content.values().map(BTreeMap::len).sum()
    }

    fn candidate(&self, sample: &ReadSample, sureness: Sureness, now_ms: u64) -> Candidate {
        Candidate {
            value: sample.value.clone(),
            start_ms: sample.start_timestamp_ms,
            sureness,
            is_synced: self.policy == WalSync::Always && sureness == Sureness::Sure,
            is_optional: false,
            acknowledged_ms: now_ms,
        }
    }

    fn drop_gone(&mut self) {
        for candidates in self.content.values_mut().flat_map(BTreeMap::values_mut) {
            candidates.retain(|candidate| !candidate.is_gone());
        }
    }

    fn place(&mut self, labels: &Labels, time_ms: i64) -> &mut Vec<Candidate> {
        let series = self.content.entry(labels.clone()).or_default();
        series.entry(time_ms).or_default()
    }

    fn candidates_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.content.values_mut().flat_map(BTreeMap::values_mut).flatten()
    }
}

impl Candidate {
    /// Whether it is visible, unless it is optional.
    fn is_there(&self) -> bool {
        self.sureness == Sureness::Sure
    }

    pub(super) fn is_required(&self) -> bool {
        self.is_there() && !self.is_optional
    }

    /// Whether a query may hand it out.
    pub(super) fn is_allowed(&self) -> bool {
        match self.sureness {
            Sureness::Sure | Sureness::Unsure => true,
            Sureness::Failed => self.is_optional,
            Sureness::Deleted => false,
        }
    }

    pub(super) fn is(&self, sample: &ReadSample) -> bool {
        self.value == sample.value && self.start_ms == sample.start_timestamp_ms
    }

    /// Deleted for good.
    fn is_gone(&self) -> bool {
        self.sureness == Sureness::Deleted && self.is_synced
    }
}
