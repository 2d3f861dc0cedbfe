//! Creating series: numbers, slots on pages, then labels that lead to them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use foldhash::fast::FixedState;
use moheng_metrics::{Labels, SampleError};

use super::append::REJECTED;
use super::page::place;
use super::series::{Series, Tail};
use super::stats::add;
use super::{Head, SeriesId};
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

    /// Makes room for new series from the id `first` on.
    fn add_slots(&self, first: usize, references: &[u64], is_logged: bool) {
        for (id, &reference) in (first..).zip(references) {
            let (page_number, slot) = place(id as SeriesId);
            if self.pages().len() <= page_number {
                let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
                pages.push(Arc::default());
            }
            let Some(page) = self.pages().get(page_number).cloned() else {
                continue;
            };
            let mut tails = page.tails();
            let tail = Tail::new(reference, is_logged);
            if let Some(left) = tails.get_mut(slot) {
                // Left by a creation that failed half way.
                *left = tail;
            } else {
                tails.push(tail);
                page.data_mut().series.push(Series::default());
            }
        }
    }
}
