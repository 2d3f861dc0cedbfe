//! [`Model`]: what the database must hold, may hold, and must not hold.

use std::collections::{BTreeMap, BTreeSet};

use moheng_metrics::testing::{ReadSample, ReadValue};
use moheng_metrics::{Labels, SampleError, Select};

use crate::WalSync;

/// What was read: series with their samples.
pub(super) type Observed = Vec<(Labels, Vec<ReadSample>)>;

/// By series and time, what may be read there.
pub(super) type View = BTreeMap<Labels, BTreeMap<i64, Vec<Candidate>>>;

/// A sample that is or may be in the database.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    value: ReadValue,
    start_ms: i64,
    sureness: Sureness,
    /// Whether a power cut leaves it.
    is_synced: bool,
    /// Beyond the retention: it may be gone at any time.
    is_expirable: bool,
    /// When it was acknowledged, by the monotonic clock; [`NEVER`] when no sync of this process covers it.
    acknowledged_ms: u64,
}

/// Written by a process that died, with a policy that does not make it durable later.
const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sureness {
    /// It was acknowledged: it is there.
    Sure,
    /// It was acknowledged, and a power cut came before a sync: the next opening shows.
    Unsure,
    /// Appending it failed: it is not there before the next opening, which shows.
    Failed,
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
}

impl Model {
    pub(super) fn new(policy: WalSync) -> Self {
        Self {
            policy,
            content: View::new(),
            newest_ms: None,
            has_compacted: false,
        }
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
        let series = self.content.get(labels);
        let here = series
            .and_then(|series| series.get(&time_ms))
            .and_then(|candidates| candidates.iter().find(|candidate| candidate.is_there()));
        let is_right = match outcome {
            Ok(()) => here.is_none_or(|here| here.value == sample.value || here.is_expirable),
            Err(SampleError::OutOfOrder) => series.is_some_and(|series| {
                let later = series.range(time_ms + 1..);
                later
                    .flat_map(|(_, candidates)| candidates)
                    .any(Candidate::is_there)
            }),
            Err(SampleError::DuplicateTimestamp) => here.is_some_and(|here| here.value != sample.value),
            Err(SampleError::OutOfBounds) => {
                self.has_compacted
                    && self
                        .newest_ms
                        .is_some_and(|newest_ms| time_ms < newest_ms - HEAD_MS)
            }
            Err(SampleError::UnknownReference) => self.has_compacted,
            Err(_) => false,
        };
        if !is_right {
            return Err(format!(
                "appending {sample:?} to {labels} gives {outcome:?}, there is {here:?}"
            ));
        }
        if outcome.is_ok() {
            self.newest_ms = self.newest_ms.max(Some(time_ms));
            let is_known = here.is_some_and(|here| here.value == sample.value);
            if !is_known {
                let candidate = self.candidate(sample, Sureness::Sure, now_ms);
                self.place(labels, time_ms).clear();
                self.place(labels, time_ms).push(candidate);
            }
        }
        Ok(())
    }

    /// The sample was in a batch that failed.
    pub(super) fn failed(&mut self, labels: &Labels, sample: &ReadSample, now_ms: u64) {
        let candidate = self.candidate(sample, Sureness::Failed, now_ms);
        self.place(labels, sample.timestamp_ms).push(candidate);
    }

    /// All that was acknowledged before this monotonic time is synced.
    pub(super) fn synced_until(&mut self, time_ms: u64) {
        for candidate in self.candidates_mut() {
            let is_covered = candidate.acknowledged_ms <= time_ms && candidate.acknowledged_ms != NEVER;
            candidate.is_synced |= is_covered && candidate.sureness == Sureness::Sure;
        }
    }

    /// Samples before this time may be removed because of the retention.
    pub(super) fn expire_before(&mut self, time_ms: i64) {
        for series in self.content.values_mut() {
            for (_, candidates) in series.range_mut(..time_ms) {
                for candidate in candidates {
                    candidate.is_expirable = true;
                }
            }
        }
    }

    /// The machine lost power.
    pub(super) fn power_cut(&mut self) {
        for candidate in self.candidates_mut() {
            if !candidate.is_synced && candidate.sureness == Sureness::Sure {
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
        let is_synced = self.policy != WalSync::Os;
        let mut found: BTreeMap<&Labels, BTreeMap<i64, &ReadSample>> = BTreeMap::new();
        for (labels, samples) in observed {
            let by_time = samples.iter().map(|sample| (sample.timestamp_ms, sample));
            found.insert(labels, by_time.collect());
        }
        for (labels, series) in &mut self.content {
            let found = found.get(labels);
            for (time_ms, candidates) in series.iter_mut() {
                let sample = found.and_then(|found| found.get(time_ms));
                candidates.retain_mut(|candidate| {
                    let is_it = sample.is_some_and(|sample| candidate.is(sample));
                    if is_it {
                        candidate.sureness = Sureness::Sure;
                        candidate.is_synced |= is_synced;
                        candidate.acknowledged_ms = NEVER;
                    }
                    is_it || (candidate.is_expirable && sample.is_none())
                });
                // A repeated sample may be listed more than once.
                candidates.truncate(1);
            }
            series.retain(|_, candidates| !candidates.is_empty());
        }
        self.content.retain(|_, series| !series.is_empty());
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
            is_expirable: false,
            acknowledged_ms: now_ms,
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
    /// Whether it is visible, as far as the retention allows.
    fn is_there(&self) -> bool {
        self.sureness == Sureness::Sure
    }

    fn is_required(&self) -> bool {
        self.is_there() && !self.is_expirable
    }

    fn is(&self, sample: &ReadSample) -> bool {
        self.value == sample.value && self.start_ms == sample.start_timestamp_ms
    }
}

/// Compares what was read with what the model says: nothing that must be there is missing, and nothing else is there. With
/// `with_failed` batches that failed may be there, as after opening.
pub(super) fn compare(view: &View, observed: &Observed, with_failed: bool) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (labels, samples) in observed {
        if !seen.insert(labels) {
            return Err(format!("{labels} is handed out twice"));
        }
        let known = view.get(labels);
        for sample in samples {
            let candidates = known.and_then(|known| known.get(&sample.timestamp_ms));
            let allowed = candidates.into_iter().flatten().filter(|candidate| {
                with_failed || candidate.sureness != Sureness::Failed || candidate.is_expirable
            });
            if !allowed.clone().any(|candidate| candidate.is(sample)) {
                return Err(format!(
                    "{labels} has {sample:?}, which is wrong: expected {candidates:?}"
                ));
            }
        }
        let required = known.into_iter().flatten().filter_map(|(time_ms, candidates)| {
            let required = candidates.iter().find(|candidate| candidate.is_required())?;
            Some((*time_ms, required))
        });
        let mut samples = samples.iter().peekable();
        for (time_ms, required) in required {
            while samples.next_if(|sample| sample.timestamp_ms < time_ms).is_some() {}
            let found = samples.next_if(|sample| sample.timestamp_ms == time_ms);
            if !found.is_some_and(|found| required.is(found)) {
                return Err(format!(
                    "{labels} lacks the sample at {time_ms}: {required:?}, there is {found:?}"
                ));
            }
        }
    }
    for (labels, series) in view {
        let required = series
            .iter()
            .find(|(_, candidates)| candidates.iter().any(Candidate::is_required));
        if let Some((time_ms, required)) = required.filter(|_| !seen.contains(labels)) {
            return Err(format!(
                "{labels} is missing, with the sample at {time_ms}: {required:?}"
            ));
        }
    }
    Ok(())
}

/// Like [`compare`] where some of the series may have been left out.
pub(super) fn compare_limited(view: &View, observed: &Observed, limit: usize) -> Result<(), String> {
    if observed.len() > limit {
        return Err(format!(
            "{} series, at most {limit} were asked for",
            observed.len()
        ));
    }
    let observed_only: View = observed
        .iter()
        .filter_map(|(labels, _)| Some((labels.clone(), view.get(labels)?.clone())))
        .collect();
    compare(&observed_only, observed, false)
}

/// Compares names or values of labels with what the series of the model have.
pub(super) fn compare_labels(view: &View, name: Option<&str>, observed: &[String]) -> Result<(), String> {
    let texts = |is_wanted: fn(&Candidate) -> bool| -> BTreeSet<&str> {
        let series = view
            .iter()
            .filter(|(_, series)| series.values().flatten().any(is_wanted));
        let labels = series.flat_map(|(labels, _)| labels.iter());
        match name {
            None => labels.map(|(name, _)| name).collect(),
            Some(wanted) => labels
                .filter(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
                .collect(),
        }
    };
    let (required, allowed) = (texts(Candidate::is_required), texts(Candidate::is_there));
    let found: BTreeSet<&str> = observed.iter().map(String::as_str).collect();
    if found.len() != observed.len() || !observed.is_sorted() {
        return Err(format!("label texts are not ascending: {observed:?}"));
    }
    if required.is_subset(&found) && found.is_subset(&allowed) {
        Ok(())
    } else {
        Err(format!(
            "labels {name:?} are {found:?}, expected {required:?} to {allowed:?}"
        ))
    }
}
