//! Creating series: numbers, slots on pages, then labels that lead to them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use foldhash::fast::FixedState;
use moheng_metrics::{Labels, SampleError};

use super::append::REJECTED;
use super::page::{PAGE_SERIES, Page, place};
use super::series::{Series, Tail};
use super::stats::add;
use super::{Head, SeriesId};
use crate::format::DecodeError;
use crate::format::wal_record::REFERENCE_MAX;

/// What the index holds before series are added.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    /// The next series' id.
    id: usize,
    /// How many series there are.
    live: usize,
}

/// A series that is to be created.
struct NewSeries<'a> {
    hash: u32,
    labels: &'a Labels,
    /// Where its labels came first.
    position: usize,
}

/// Series whose labels are all different, one after the other.
#[derive(Debug, Default)]
pub(super) struct NamedSeries<'a> {
    pub(super) references: Vec<u64>,
    /// Ascending by name in each series.
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Where the labels of each end.
    pub(super) label_ends: Vec<usize>,
}

impl NamedSeries<'_> {
    fn label_sets(&self) -> impl Iterator<Item = &[(&str, &str)]> {
        let starts = std::iter::once(0).chain(self.label_ends.iter().copied());
        let ranges = starts.zip(&self.label_ends);
        ranges.map(|(start, &end)| self.labels.get(start..end).unwrap_or_default())
    }
}

impl Head {
    /// The series with these labels, new where need be, and how many are new. `logged_references`, parallel to the labels, are given
    /// when the log already knows the labels under these references.
    pub(super) fn find_or_create(
        &self,
        labels: &[&Labels],
        logged_references: Option<&[u64]>,
    ) -> (Vec<Result<SeriesId, SampleError>>, usize) {
        let mut next_reference = self.creation.lock().unwrap_or_else(PoisonError::into_inner);
        // While `creation` is held no other series appear, so what is missing stays missing.
        let (mut new, mut next) = (Vec::new(), Numbers::default());
        let mut ids = self.find_all(labels, &mut new, &mut next);
        if new.is_empty() {
            return (ids, 0);
        }
        let limit = match logged_references {
            Some(_) => usize::MAX,
            None => self.limits.series.unwrap_or(usize::MAX),
        };
        let references_left = REFERENCE_MAX.saturating_sub(*next_reference);
        let room = limit.saturating_sub(next.live).min(references_left as usize);
        new.truncate(room);
        let mut references = Vec::with_capacity(new.len());
        for one in &new {
            let logged = logged_references.and_then(|references| references.get(one.position));
            let reference = logged.copied().unwrap_or(*next_reference);
            references.push(reference);
            *next_reference = (*next_reference).max(reference + 1);
        }
        // Slots before labels: who finds the labels finds the slot.
        self.add_slots(next.id, &references, logged_references.is_some());
        let mut index = self.index_mut();
        let mut created = 0;
        for one in &new {
            let Some(id) = index.add(one.labels) else {
                break;
            };
            index.publish_labels(one.hash, id);
            created += 1;
        }
        drop(index);
        add(&self.counters.series_created, created as u64);
        let end = next.id + created;
        for id in &mut ids {
            if id.is_ok_and(|id| id as usize >= end) {
                *id = Err(SampleError::SeriesLimit);
            }
        }
        (ids, created)
    }

    /// The ids of the series with these labels; missing ones get the ids they will have and go to `new`, once each.
    fn find_all<'a>(
        &self,
        labels: &[&'a Labels],
        new: &mut Vec<NewSeries<'a>>,
        next: &mut Numbers,
    ) -> Vec<Result<SeriesId, SampleError>> {
        let index = self.index();
        *next = Numbers {
            id: index.len(),
            live: index.live(),
        };
        let mut positions: HashMap<&Labels, usize, FixedState> = HashMap::default();
        let find = |(place, labels): (usize, &&'a Labels)| {
            let hash = index.hash(labels);
            if let Some(id) = index.find(hash, labels) {
                return Ok(id);
            }
            let position = *positions.entry(labels).or_insert_with(|| {
                new.push(NewSeries {
                    hash,
                    labels,
                    position: place,
                });
                new.len() - 1
            });
            SeriesId::try_from(index.len() + position)
                .ok()
                .filter(|&id| id != REJECTED)
                .ok_or(SampleError::SeriesLimit)
        };
        labels.iter().enumerate().map(find).collect()
    }

    /// Creates series that the log knows under these references, while nobody else uses the head, and returns the id of the first.
    ///
    /// # Errors
    ///
    /// When one exists already, or numbers are used up.
    pub(super) fn restore_series(&self, series: &NamedSeries<'_>) -> Result<SeriesId, DecodeError> {
        let mut index = self.index_mut();
        let first = SeriesId::try_from(index.len())
            .ok()
            .filter(|first| (REJECTED - first) as usize > series.references.len())
            .ok_or(DecodeError::Invalid("too many series"))?;
        let mut packed = Vec::new();
        for pairs in series.label_sets() {
            packed.clear();
            Labels::pack_sorted_pairs(pairs.iter().copied(), &mut packed);
            let hash = index.hash_packed(&packed);
            if index.find_packed(hash, &packed).is_some() {
                return Err(DecodeError::Invalid("a series twice"));
            }
            let id = index.add(pairs.iter().copied());
            index.publish_labels(hash, id.ok_or(DecodeError::Invalid("too many labels"))?);
        }
        drop(index);
        self.add_slots(first as usize, &series.references, true);
        add(&self.counters.series_created, series.references.len() as u64);
        Ok(first)
    }

    /// Makes room in the index for so many more series.
    pub(super) fn reserve_series(&self, count: usize) {
        self.index_mut().reserve(count);
    }

    /// Makes room for new series from the id `first` on.
    fn add_slots(&self, first: usize, references: &[u64], is_logged: bool) {
        let (mut id, mut rest) = (first, references);
        while !rest.is_empty() {
            let (page_number, first_slot) = place(id as SeriesId);
            let count = rest.len().min(PAGE_SERIES as usize - first_slot);
            let (here, after) = rest.split_at(count);
            (id, rest) = (id + count, after);
            let Some(page) = self.page_or_new(page_number) else {
                continue;
            };
            let mut tails = page.tails();
            let mut data = page.data_mut();
            for (slot, &reference) in (first_slot..).zip(here) {
                let tail = Tail::new(reference, is_logged);
                if let Some(left) = tails.get_mut(slot) {
                    // Left by a creation that failed half way.
                    *left = tail;
                } else {
                    tails.push(tail);
                    data.series.push(Series::default());
                }
            }
        }
    }

    /// A page, which exists or is the next.
    fn page_or_new(&self, number: usize) -> Option<Arc<Page>> {
        if self.pages().len() <= number {
            let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
            pages.push(Arc::default());
        }
        self.pages().get(number).cloned()
    }
}
