//! [`Schedule`]: when a target is scraped. Pure.

/// How far a scrape may be behind its place in the interval and still get the timestamp of that place.
const TOLERANCE_MS: i64 = 2;

/// The places of one target in wall time: every interval, shifted by an offset that depends on the target only.
///
/// Even distances make timestamps cheap to store, and the shift spreads the targets over the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) interval_ms: i64,
    offset_ms: i64,
}

impl Schedule {
    /// The schedule of the target with this hash. The interval is at least 1 ms.
    pub(super) fn new(interval_ms: i64, hash: u64) -> Self {
        let interval_ms = interval_ms.max(1);
        Self {
            interval_ms,
            offset_ms: (hash % interval_ms as u64) as i64,
        }
    }

    /// The same with places twice as far apart, for waiting longer than an interval.
    pub(super) fn doubled(self) -> Self {
        Self {
            interval_ms: self.interval_ms.saturating_mul(2),
            ..self
        }
    }

    /// The first place after `now_ms`.
    pub(super) fn next_after(&self, now_ms: i64) -> i64 {
        let since_last = now_ms.saturating_sub(self.offset_ms).rem_euclid(self.interval_ms);
        now_ms.saturating_add(self.interval_ms - since_last)
    }

    /// The timestamp of a scrape that was due at `due_ms` and begins at `now_ms`.
    pub(super) fn timestamp_ms(&self, due_ms: i64, now_ms: i64) -> i64 {
        let tolerance_ms = TOLERANCE_MS.min(self.interval_ms / 100);
        if (0..=tolerance_ms).contains(&now_ms.saturating_sub(due_ms)) {
            due_ms
        } else {
            now_ms
        }
    }

    /// How long to sleep until `due_ms`; `None` when it is time. A wall clock that was set back by more than an interval
    /// does not stop scraping for that long: it is time then, too.
    pub(super) fn sleep_ms(&self, due_ms: i64, now_ms: i64) -> Option<u64> {
        let left_ms = due_ms.saturating_sub(now_ms);
        (1..=self.interval_ms)
            .contains(&left_ms)
            .then_some(left_ms as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_on_a_grid() {
        let schedule = Schedule::new(15_000, 4_000);
        for (now_ms, next_ms) in [
            (0, 4_000),
            (3_999, 4_000),
            (4_000, 19_000),
            (18_999, 19_000),
            (-20_000, -11_000),
        ] {
            assert_eq!(schedule.next_after(now_ms), next_ms, "{now_ms}");
        }
        assert_eq!(Schedule::new(15_000, 34_001), Schedule::new(15_000, 4_001));
        assert_eq!(Schedule::new(0, u64::MAX).next_after(5), 6);
    }

    #[test]
    fn slightly_late_is_on_time() {
        let schedule = Schedule::new(15_000, 0);
        for (now_ms, timestamp_ms) in [
            (30_000, 30_000),
            (30_002, 30_000),
            (30_003, 30_003),
            (29_999, 29_999),
        ] {
            assert_eq!(schedule.timestamp_ms(30_000, now_ms), timestamp_ms);
        }
        assert_eq!(
            Schedule::new(100, 0).timestamp_ms(200, 202),
            202,
            "1 % is the lower bound"
        );
        assert_eq!(Schedule::new(100, 0).timestamp_ms(200, 201), 200);
    }

    #[test]
    fn clocks_that_jump_back_do_not_stop_scraping() {
        let schedule = Schedule::new(15_000, 0);
        assert_eq!(schedule.sleep_ms(30_000, 20_000), Some(10_000));
        assert_eq!(schedule.sleep_ms(30_000, 30_000), None);
        assert_eq!(schedule.sleep_ms(30_000, 31_000), None);
        assert_eq!(schedule.sleep_ms(30_000, -3_600_000), None);
    }
}
