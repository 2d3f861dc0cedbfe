//! [`ManualClock`]: a clock that tests move.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Clock;

/// A clock that stands still until it is told otherwise. Share it in an [`std::sync::Arc`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use moheng_metrics::Clock;
/// use moheng_metrics::testing::ManualClock;
///
/// let clock = Arc::new(ManualClock::new(1_000));
/// let seen_by_the_tested: Arc<dyn Clock> = clock.clone();
/// clock.advance(Duration::from_secs(15));
/// assert_eq!(seen_by_the_tested.now_ms(), 16_000);
/// assert_eq!(seen_by_the_tested.monotonic(), Duration::from_secs(15));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    time: Mutex<Time>,
}

#[derive(Debug, Default)]
struct Time {
    now_ms: i64,
    /// What of a millisecond has been advanced but does not show in `now_ms` yet.
    remainder: Duration,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock whose wall time is `now_ms` and whose monotonic time is zero.
    pub fn new(now_ms: i64) -> Self {
        Self {
            time: Mutex::new(Time {
                now_ms,
                ..Time::default()
            }),
        }
    }

    /// Lets time pass: wall and monotonic time both move on.
    pub fn advance(&self, duration: Duration) {
        let mut time = self.lock();
        time.monotonic += duration;
        let passed = time.remainder + duration;
        time.now_ms += passed.as_millis() as i64;
        time.remainder = Duration::from_nanos(u64::from(passed.subsec_nanos() % 1_000_000));
    }

    /// [`ManualClock::advance`] in milliseconds.
    pub fn advance_ms(&self, duration_ms: u64) {
        self.advance(Duration::from_millis(duration_ms));
    }

    /// Sets the wall clock, as an administrator or NTP would; monotonic time stays.
    pub fn set_ms(&self, now_ms: i64) {
        let mut time = self.lock();
        time.now_ms = now_ms;
        time.remainder = Duration::ZERO;
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.lock().now_ms
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_millisecond_add_up() {
        let clock = ManualClock::new(-1);
        for _ in 0..4 {
            clock.advance(Duration::from_micros(300));
        }
        assert_eq!(clock.now_ms(), 0);
        assert_eq!(clock.monotonic(), Duration::from_micros(1200));
        clock.set_ms(5_000);
        clock.advance_ms(7);
        assert_eq!(clock.now_ms(), 5_007);
    }
}
