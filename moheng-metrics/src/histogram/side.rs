//! Building one side of a histogram: spans and the counts of their buckets.

use super::{BucketCount, BucketSpan};

/// The buckets of one side, put together in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Side<Count> {
    pub(super) spans: Vec<BucketSpan>,
    pub(super) counts: Vec<Count>,
    /// The index after the last bucket.
    end: i32,
}

impl<Count: BucketCount> Side<Count> {
    pub(super) fn new() -> Self {
        Self {
            spans: Vec::new(),
            counts: Vec::new(),
            end: 0,
        }
    }

    /// The buckets of `counts` that stand in a row with the same index are put together.
    pub(super) fn of(counts: impl Iterator<Item = (i32, Count)>) -> Self {
        let mut side = Self::new();
        for (index, count) in counts {
            side.push(index, count);
        }
        side
    }

    /// Both sides together, each ascending by index.
    pub(super) fn merged(
        ours: impl Iterator<Item = (i32, Count)>,
        theirs: impl Iterator<Item = (i32, Count)>,
    ) -> Self {
        let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
        let mut side = Self::new();
        loop {
            let is_ours = match (ours.peek(), theirs.peek()) {
                (Some((our_index, _)), Some((their_index, _))) => our_index <= their_index,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let next = if is_ours { ours.next() } else { theirs.next() };
            let Some((index, count)) = next else { return side };
            side.push(index, count);
        }
    }

    /// Adds a bucket above the last one, or to the last one.
    #[inline]
    pub(super) fn push(&mut self, index: i32, count: Count) {
        let gap = index.wrapping_sub(self.end);
        match (self.spans.last_mut(), self.counts.last_mut()) {
            (Some(_), Some(last)) if gap == -1 => {
                *last = last.plus(count);
                return;
            }
            (Some(span), _) if gap == 0 => span.length = span.length.saturating_add(1),
            _ => self.spans.push(BucketSpan {
                offset: gap,
                length: 1,
            }),
        }
        self.counts.push(count);
        self.end = index.wrapping_add(1);
    }

    /// Adds `length` empty buckets above the last one.
    pub(super) fn push_empty(&mut self, length: u32) {
        for _ in 0..length {
            self.push(self.end, Count::default());
        }
    }

    pub(super) fn end(&self) -> i32 {
        self.end
    }
}

/// Whether every bucket of `inner` is one of `outer`, both ascending.
pub(super) fn covers(outer: &[BucketSpan], inner: &[BucketSpan]) -> bool {
    let mut outer = ranges(outer);
    let mut current = i64::MIN..i64::MIN;
    for range in ranges(inner) {
        while current.end < range.end {
            let Some(next) = outer.next() else { return false };
            current = if next.start == current.end && !current.is_empty() {
                current.start..next.end
            } else {
                next
            };
        }
        if range.start < current.start {
            return false;
        }
    }
    true
}

/// Calls `with` with the positions in `outer` and in `inner` of every bucket of `inner`, which `outer` covers.
#[inline]
pub(super) fn for_each_pair(
    outer: &[BucketSpan],
    inner: &[BucketSpan],
    mut with: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let (mut outer, mut inner) = (ranges(outer), ranges(inner));
    let (mut outer_at, mut inner_at) = (0_usize, 0_usize);
    let (mut have, mut want) = (i64::MIN..i64::MIN, 0..0);
    loop {
        while want.is_empty() {
            let Some(next) = inner.next() else { return };
            want = next;
        }
        while have.end <= want.start {
            outer_at += (have.end - have.start) as usize;
            let Some(next) = outer.next() else { return };
            have = next;
        }
        if have.start > want.start {
            return;
        }
        outer_at += (want.start - have.start) as usize;
        have.start = want.start;
        let length = have.end.min(want.end) - want.start;
        with(
            outer_at..outer_at + length as usize,
            inner_at..inner_at + length as usize,
        );
        outer_at += length as usize;
        inner_at += length as usize;
        have.start += length;
        want.start += length;
    }
}

/// Finds buckets by index, in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Positions<'a> {
    spans: std::slice::Iter<'a, BucketSpan>,
    /// The indexes of the current span.
    current: std::ops::Range<i64>,
    /// Where that span's counts begin.
    position: usize,
    end: i64,
}

impl<'a> Positions<'a> {
    pub(super) fn new(spans: &'a [BucketSpan]) -> Self {
        Self {
            spans: spans.iter(),
            current: i64::MIN..i64::MIN,
            position: 0,
            end: 0,
        }
    }

    /// The position of the count of the bucket at `index`, which must not be below the one asked for before.
    #[inline]
    pub(super) fn of(&mut self, index: i32) -> Option<usize> {
        let index = i64::from(index);
        while index >= self.current.end {
            let span = self.spans.next()?;
            self.position += (self.current.end - self.current.start) as usize;
            let start = self.end + i64::from(span.offset);
            self.end = start + i64::from(span.length);
            self.current = start..self.end;
        }
        (index >= self.current.start).then(|| self.position + (index - self.current.start) as usize)
    }
}

/// The indexes that spans stand for; empty spans are left out.
fn ranges(spans: &[BucketSpan]) -> impl Iterator<Item = std::ops::Range<i64>> {
    let mut end = 0_i64;
    spans.iter().filter_map(move |span| {
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        (span.length > 0).then_some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
        let span = |(offset, length): &(i32, u32)| BucketSpan {
            offset: *offset,
            length: *length,
        };
        spans.iter().map(span).collect()
    }

    #[test]
    fn buckets_become_runs() {
        #[track_caller]
        fn check(counts: &[(i32, u64)], expected: &[(i32, u32)], expected_counts: &[u64]) {
            let side = Side::of(counts.iter().copied());
            assert_eq!(side.spans, spans(expected));
            assert_eq!(side.counts, expected_counts);
        }
        check(&[], &[], &[]);
        check(&[(0, 1)], &[(0, 1)], &[1]);
        check(&[(-1, 1)], &[(-1, 1)], &[1]);
        check(
            &[(-3, 1), (-2, 1), (0, 4), (0, 5), (7, 1)],
            &[(-3, 2), (1, 1), (6, 1)],
            &[1, 1, 9, 1],
        );
        let merged = Side::merged([(1, 1), (4, 1)].into_iter(), [(0, 2), (1, 2), (2, 2)].into_iter());
        assert_eq!(merged.spans, spans(&[(0, 3), (1, 1)]));
        assert_eq!(merged.counts, [2, 3, 2, 1_u64]);
    }

    #[test]
    fn positions_are_found() {
        let spans = spans(&[(-3, 2), (0, 0), (1, 1), (0, 2), (4, 1)]);
        let mut positions = Positions::new(&spans);
        let found: Vec<Option<usize>> = (-4..10).map(|index| positions.of(index)).collect();
        let some = |range: std::ops::Range<usize>| range.map(Some);
        let expected = [None]
            .into_iter()
            .chain(some(0..2))
            .chain([None])
            .chain(some(2..5));
        let expected = expected.chain([None; 4]).chain(some(5..6)).chain([None; 2]);
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn one_side_covers_another() {
        #[track_caller]
        fn check(outer: &[(i32, u32)], inner: &[(i32, u32)], expected: Option<&[(usize, usize)]>) {
            let (outer, inner) = (spans(outer), spans(inner));
            assert_eq!(
                covers(&outer, &inner),
                expected.is_some(),
                "{outer:?} covers {inner:?}"
            );
            let mut pairs = Vec::new();
            for_each_pair(&outer, &inner, |outer, inner| pairs.extend(outer.zip(inner)));
            if let Some(expected) = expected {
                assert_eq!(pairs, expected, "{outer:?} and {inner:?}");
            }
        }
        check(&[], &[], Some(&[]));
        check(&[(0, 3)], &[], Some(&[]));
        check(&[], &[(0, 1)], None);
        check(&[(-2, 4)], &[(-1, 2)], Some(&[(1, 0), (2, 1)]));
        check(&[(-2, 2), (0, 2)], &[(-1, 2)], Some(&[(1, 0), (2, 1)]));
        check(&[(-2, 2), (1, 2)], &[(-1, 1), (1, 1)], Some(&[(1, 0), (2, 1)]));
        check(&[(-2, 2), (1, 2)], &[(-1, 2)], None);
        check(&[(1, 2)], &[(0, 2)], None);
        check(&[(0, 2)], &[(1, 2)], None);
        check(&[(0, 1), (5, 3)], &[(0, 0), (7, 1)], Some(&[(2, 0)]));
        check(
            &[(0, 1), (0, 1), (0, 1)],
            &[(0, 3)],
            Some(&[(0, 0), (1, 1), (2, 2)]),
        );
        check(
            &[(0, 3)],
            &[(0, 1), (0, 1), (0, 1)],
            Some(&[(0, 0), (1, 1), (2, 2)]),
        );
    }
}
