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
        keys: impl Iterator<Item = SeriesKey<'a>>,
        ids: &mut Vec<SeriesId>,
        outcomes: &mut Vec<SampleOutcome>,
        counts: &mut BatchCounts,
    ) {
        ids.clear();
        let mut missing = Vec::new();
        let mut index = None;
        for (position, key) in keys.enumerate() {
            let found = match key {
                SeriesKey::Reference(SeriesRef(number)) => number
                    .checked_sub(1)
                    .and_then(|id| SeriesId::try_from(id).ok())
                    .filter(|&id| id != REJECTED)
                    .ok_or(SampleError::UnknownReference),
                SeriesKey::Labels(labels) => {
                    let index = index.get_or_insert_with(|| self.index());
                    self.find_series(index, labels).map(|found| {
                        found.unwrap_or_else(|| {
                            missing.push((position, labels));
                            REJECTED
                        })
                    })
                }
            };
            ids.push(found.unwrap_or(REJECTED));
            outcomes.push(found.map(|id| SeriesRef(u64::from(id) + 1)));
        }
        drop(index);
        if !missing.is_empty() {
            self.create_missing(&missing, ids, outcomes, counts);
        }
        counts.unknown_reference += outcomes
            .iter()
            .filter(|outcome| **outcome == Err(SampleError::UnknownReference))
            .count() as u64;
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
