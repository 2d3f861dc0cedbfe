//! Sets of series as ascending lists of references.

/// From this ratio of lengths on, looking each element up is faster than walking both lists.
const GALLOP_RATIO: usize = 16;

/// Keeps what is in both sets.
pub(super) fn intersect(set: &mut Vec<u32>, other: &[u32]) {
    retain(set, other, true);
}

/// Removes from `set` what is in `other`.
pub(super) fn subtract(set: &mut Vec<u32>, other: &[u32]) {
    retain(set, other, false);
}

/// Makes a set of lists that were appended to each other and may overlap.
#[expect(
    clippy::stable_sort_primitive,
    reason = "it merges ascending runs, of which there are few"
)]
pub(super) fn unite(set: &mut Vec<u32>) {
    set.sort();
    set.dedup();
}

fn retain(set: &mut Vec<u32>, other: &[u32], keeps_common: bool) {
    let mut rest = other;
    let should_gallop = other.len() / GALLOP_RATIO > set.len();
    set.retain(|reference| {
        if should_gallop {
            rest = rest.get(gallop(rest, *reference)..).unwrap_or_default();
        } else {
            while let Some((first, after)) = rest.split_first()
                && first < reference
            {
                rest = after;
            }
        }
        (rest.first() == Some(reference)) == keeps_common
    });
}

/// The index of the first element that is at least `reference`, found from the front in doubling steps.
fn gallop(set: &[u32], reference: u32) -> usize {
    let mut end = 1;
    while set.get(end - 1).is_some_and(|&other| other < reference) {
        end *= 2;
    }
    let start = end / 2;
    let window = set.get(start..end.min(set.len())).unwrap_or_default();
    start + window.partition_point(|&other| other < reference)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = (BTreeSet<u32>, BTreeSet<u32>)> {
        let small = prop::collection::btree_set(0..500_u32, 0..12);
        let any = prop::collection::btree_set(0..500_u32, 0..300);
        (prop_oneof![small, any.clone()], any)
    }

    proptest! {
        #[test]
        fn operations_are_those_of_sets((left, right) in sets()) {
            let other: Vec<u32> = right.iter().copied().collect();
            let mut set: Vec<u32> = left.iter().copied().collect();
            intersect(&mut set, &other);
            prop_assert_eq!(&set, &left.intersection(&right).copied().collect::<Vec<_>>());
            let mut set: Vec<u32> = left.iter().copied().collect();
            subtract(&mut set, &other);
            prop_assert_eq!(&set, &left.difference(&right).copied().collect::<Vec<_>>());
            let mut set: Vec<u32> = left.iter().copied().collect();
            set.extend(other);
            unite(&mut set);
            prop_assert_eq!(&set, &left.union(&right).copied().collect::<Vec<_>>());
        }
    }
}
