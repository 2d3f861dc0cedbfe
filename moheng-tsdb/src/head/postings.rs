//! Sets of series as ascending lists of ids.

use std::borrow::Cow;

use super::SeriesId;

/// A set of series: borrowed from the index where nothing had to be computed.
pub(crate) type SeriesSet<'a> = Cow<'a, [SeriesId]>;

/// From this ratio of lengths on, looking each element up is faster than walking both lists.
const GALLOP_RATIO: usize = 16;

/// Adds an id to a set that usually grows at its end.
pub(crate) fn insert(set: &mut Vec<SeriesId>, id: SeriesId) {
    match set.last() {
        Some(&last) if last >= id => {
            if let Err(index) = set.binary_search(&id) {
                set.insert(index, id);
            }
        }
        _ => set.push(id),
    }
}

/// Keeps what is in both sets.
pub(crate) fn intersect(set: &mut Vec<SeriesId>, other: &[SeriesId]) {
    let mut rest = other;
    if other.len() / GALLOP_RATIO > set.len() {
        set.retain(|id| {
            rest = rest.get(gallop(rest, *id)..).unwrap_or_default();
            rest.first() == Some(id)
        });
        return;
    }
    set.retain(|id| {
        while let Some((first, after)) = rest.split_first()
            && first < id
        {
            rest = after;
        }
        rest.first() == Some(id)
    });
}

/// Removes from `set` what is in `other`.
pub(crate) fn subtract(set: &mut Vec<SeriesId>, other: &[SeriesId]) {
    let mut rest = other;
    let should_gallop = other.len() / GALLOP_RATIO > set.len();
    set.retain(|id| {
        if should_gallop {
            rest = rest.get(gallop(rest, *id)..).unwrap_or_default();
        } else {
            while let Some((first, after)) = rest.split_first()
                && first < id
            {
                rest = after;
            }
        }
        rest.first() != Some(id)
    });
}

/// What is in any of the sets, which may overlap.
#[expect(
    clippy::stable_sort_primitive,
    reason = "it merges ascending runs, of which there are few"
)]
pub(crate) fn union(sets: Vec<&[SeriesId]>) -> SeriesSet<'_> {
    if let [only] = sets.as_slice() {
        return Cow::Borrowed(only);
    }
    let mut all = Vec::with_capacity(sets.iter().map(|set| set.len()).sum());
    for set in sets {
        all.extend_from_slice(set);
    }
    all.sort();
    all.dedup();
    Cow::Owned(all)
}

/// The index of the first element that is at least `id`, found from the front in doubling steps.
fn gallop(set: &[SeriesId], id: SeriesId) -> usize {
    let mut end = 1;
    while set.get(end - 1).is_some_and(|&other| other < id) {
        end *= 2;
    }
    let start = end / 2;
    let window = set.get(start..end.min(set.len())).unwrap_or_default();
    start + window.partition_point(|&other| other < id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set() -> impl Strategy<Value = BTreeSet<SeriesId>> {
        prop_oneof![
            prop::collection::btree_set(0_u32..200, 0..150),
            prop::collection::btree_set(0_u32..2000, 0..8),
            prop::collection::btree_set(0_u32..2000, 0..800),
        ]
    }

    fn list(set: impl IntoIterator<Item = SeriesId>) -> Vec<SeriesId> {
        set.into_iter().collect()
    }

    proptest! {
        #[test]
        fn as_with_sets(a in set(), b in set(), c in set()) {
            let (first, second, third) = (list(a.clone()), list(b.clone()), list(c.clone()));
            let mut result = first.clone();
            intersect(&mut result, &second);
            prop_assert_eq!(result, list(a.intersection(&b).copied()));
            let mut result = first.clone();
            subtract(&mut result, &second);
            prop_assert_eq!(result, list(a.difference(&b).copied()));
            let result = union(vec![&first, &second, &third]);
            let expected: BTreeSet<_> = a.union(&b).chain(&c).copied().collect();
            prop_assert_eq!(result.into_owned(), list(expected));
        }

        #[test]
        fn inserted_in_any_order(ids in prop::collection::vec(0_u32..50, 0..60)) {
            let mut result = Vec::new();
            for id in &ids {
                insert(&mut result, *id);
            }
            prop_assert_eq!(result, list(ids.into_iter().collect::<BTreeSet<_>>()));
        }
    }
}
