//! The times of a range result as JSON: the same for every series, so written once and copied from then on.

use super::wire::push_timestamp;

/// So many times are remembered at most.
const MOST_TIMES: usize = 16_384;

/// What samples of a time begin with, for ascending times.
#[derive(Debug, Default)]
pub(super) struct TimeTexts {
    /// Ascending times, and where their text ends in `text`.
    ends: Vec<(i64, usize)>,
    text: String,
    /// Which time comes next.
    next: usize,
}

impl TimeTexts {
    /// Starts again with the first time.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Appends `[1700000000.5,"`.
    #[inline]
    pub(super) fn push(&mut self, timestamp_ms: i64, out: &mut String) {
        while let Some(&(known_ms, end)) = self.ends.get(self.next) {
            if known_ms > timestamp_ms {
                break;
            }
            self.next += 1;
            if known_ms == timestamp_ms {
                let start = self.next.checked_sub(2).and_then(|before| self.ends.get(before));
                let range = start.map_or(0, |(_, end)| *end)..end;
                return out.push_str(self.text.get(range).unwrap_or_default());
            }
        }
        let begin = out.len();
        out.push('[');
        push_timestamp(timestamp_ms, out);
        out.push_str(",\"");
        // A time between those that are known is rare: series that begin later or have gaps.
        if self.next == self.ends.len() && self.next < MOST_TIMES {
            self.text.push_str(out.get(begin..).unwrap_or_default());
            self.ends.push((timestamp_ms, self.text.len()));
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_each_time_alone() {
        let mut texts = TimeTexts::default();
        for series in [
            &[1_000, 3_500, 10_000][..],
            &[-10, 1_000, 2_000, 3_500, 3_600],
            &[],
            &[3_500, 10_000, 20_000],
            &[20_000, 30_000],
            &[5, 1_000, 30_000],
        ] {
            let (mut found, mut expected) = (String::new(), String::new());
            texts.rewind();
            for time_ms in series {
                texts.push(*time_ms, &mut found);
                expected.push('[');
                push_timestamp(*time_ms, &mut expected);
                expected.push_str(",\"");
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut texts, mut out) = (TimeTexts::default(), String::new());
        (0..20_000).for_each(|time_ms| texts.push(time_ms, &mut out));
        assert_eq!(texts.ends.len(), MOST_TIMES);
        assert!(out.ends_with("[19.998,\"[19.999,\""));
    }
}
