//! Finding the series of what is appended, and creating those that are missing.

use moheng_metrics::{Labels, SampleError, SampleOutcome, SeriesKey, SeriesRef};

use super::append::REJECTED;
use super::check_sample::BatchCounts;
use super::index::LabelIndex;
use super::stats::add;
use super::{Head, SeriesId};

impl Head {
    /// Finds or creates the series of every entry; outcomes are final only where they are errors.
    pub(super) fn resolve<'a>(
        &self,
        keys: impl Iterator<Item = SeriesKey<'a>> + Clone,
        ids: &mut Vec<SeriesId>,
        outcomes: &mut Vec<SampleOutcome>,
        counts: &mut BatchCounts,
    ) {
        ids.clear();
        ids.extend(keys.clone().map(|key| match key {
            SeriesKey::Reference(reference) => id_of(reference),
            SeriesKey::Labels(_) => REJECTED,
        }));
        outcomes.extend(ids.iter().map(|&id| match id {
            REJECTED => Err(SampleError::UnknownReference),
            id => Ok(SeriesRef(u64::from(id) + 1)),
        }));
        if ids.contains(&REJECTED) {
            self.resolve_labels(keys, ids, outcomes, counts);
        }
    }

    /// Finds or creates the series of those entries that have labels.
    fn resolve_labels<'a>(
        &self,
        keys: impl Iterator<Item = SeriesKey<'a>>,
        ids: &mut [SeriesId],
        outcomes: &mut [SampleOutcome],
        counts: &mut BatchCounts,
    ) {
        let mut missing = Vec::new();
        let index = self.index();
        let places = ids.iter_mut().zip(outcomes.iter_mut());
        for (position, (key, (id, outcome))) in keys.zip(places).enumerate() {
            let SeriesKey::Labels(labels) = key else {
                counts.unknown_reference += u64::from(outcome.is_err());
                continue;
            };
            match self.find_series(&index, labels) {
                Ok(Some(found)) => {
                    *id = found;
                    *outcome = Ok(SeriesRef(u64::from(found) + 1));
                }
                Ok(None) => missing.push((position, labels)),
                Err(error) => *outcome = Err(error),
            }
        }
        drop(index);
        if !missing.is_empty() {
            self.create_missing(&missing, ids, outcomes, counts);
        }
    }

    fn find_series(&self, index: &LabelIndex, labels: &Labels) -> Result<Option<SeriesId>, SampleError> {
        if let Some(id) = index.find(index.hash(labels), labels) {
            return Ok(Some(id));
        }
        let limits = &self.limits;
        let is_over = |limit: Option<usize>, size: usize| limit.is_some_and(|limit| size > limit);
        let is_bad_label = |(name, value): (&str, &str)| {
            is_over(limits.label_name_bytes, name.len()) || is_over(limits.label_value_bytes, value.len())
        };
        let is_bad = labels.is_empty()
            || is_over(limits.labels_per_series, labels.len())
            || labels.iter().any(is_bad_label);
        if is_bad {
            add(&self.counters.samples_invalid_labels, 1);
            return Err(SampleError::InvalidLabels);
        }
        Ok(None)
    }

    #[cold]
    fn create_missing(
        &self,
        missing: &[(usize, &Labels)],
        slots: &mut [SeriesId],
        outcomes: &mut [SampleOutcome],
        counts: &mut BatchCounts,
    ) {
        let labels: Vec<&Labels> = missing.iter().map(|&(_, labels)| labels).collect();
        let (ids, created) = self.find_or_create(&labels, None);
        counts.series_created += created;
        for (&(position, _), id) in missing.iter().zip(ids) {
            if let (Some(outcome), Some(slot)) = (outcomes.get_mut(position), slots.get_mut(position)) {
                *outcome = id.map(|id| SeriesRef(u64::from(id) + 1));
                *slot = id.unwrap_or(REJECTED);
            }
            if id.is_err() {
                add(&self.counters.samples_series_limit, 1);
            }
        }
    }
}

/// The id of a series with this reference, whether it is there or not.
#[inline]
fn id_of(SeriesRef(number): SeriesRef) -> SeriesId {
    let id = number.checked_sub(1);
    id.and_then(|id| SeriesId::try_from(id).ok()).unwrap_or(REJECTED)
}
