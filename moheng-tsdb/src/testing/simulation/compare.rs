//! Comparing what was read with what the model says.

use std::collections::BTreeSet;

use moheng_metrics::Labels;

use super::model::{Candidate, Model, Observed, Sureness, View};

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
                candidate.is_allowed() || (with_failed && candidate.sureness == Sureness::Failed)
            });
            if !allowed.clone().any(|candidate| candidate.is(sample)) {
                return Err(format!(
                    "{labels} has {sample:?}, which is wrong: expected {candidates:?}"
                ));
            }
        }
        let found: BTreeSet<i64> = samples.iter().map(|sample| sample.timestamp_ms).collect();
        for (time_ms, candidates) in known.into_iter().flatten() {
            // Which of several is handed out was checked above.
            let required = candidates.iter().find(|candidate| candidate.is_required());
            if let Some(required) = required.filter(|_| !found.contains(time_ms)) {
                return Err(format!("{labels} lacks the sample at {time_ms}: {required:?}"));
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

/// Compares names or values of labels with what the series of the model have. Those of series all of whose samples are deleted may
/// still be listed.
pub(super) fn compare_labels(model: &Model, name: Option<&str>, observed: &[String]) -> Result<(), String> {
    fn texts<'a>(all: impl Iterator<Item = &'a Labels>, name: Option<&str>) -> BTreeSet<&'a str> {
        let labels = all.flat_map(Labels::iter);
        match name {
            None => labels.map(|(name, _)| name).collect(),
            Some(wanted) => labels
                .filter(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
                .collect(),
        }
    }
    let with = |is_wanted: fn(&Candidate) -> bool| {
        let series = model.all().iter();
        let wanted = series.filter(move |(_, series)| series.values().flatten().any(is_wanted));
        wanted.map(|(labels, _)| labels)
    };
    let required = texts(with(Candidate::is_required), name);
    let allowed = texts(with(Candidate::is_allowed).chain(model.with_deletions()), name);
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
