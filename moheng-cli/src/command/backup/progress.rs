//! Says on standard error how far long work is.

use std::io::{Write, stderr};
use std::time::Duration;

use moheng_metrics::{Clock, SystemClock};

/// How long to be silent.
const PERIOD: Duration = Duration::from_secs(2);

/// Counts bytes and reports now and then.
#[derive(Default)]
pub(super) struct Progress {
    clock: SystemClock,
    reported_at: Duration,
    done_bytes: u64,
    total_bytes: u64,
}

impl Progress {
    pub(super) fn new(total_bytes: u64) -> Self {
        Self {
            clock: SystemClock::new(),
            reported_at: Duration::ZERO,
            done_bytes: 0,
            total_bytes,
        }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.done_bytes += bytes;
        let now = self.clock.monotonic();
        if now.saturating_sub(self.reported_at) >= PERIOD {
            self.reported_at = now;
            say(&format!(
                "{} of {}",
                format_size(self.done_bytes),
                format_size(self.total_bytes)
            ));
        }
    }
}

/// A line on standard error. That it cannot be written is no reason to stop the work.
pub(super) fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// A size for people, in powers of 1024.
pub(super) fn format_size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            let decimals = usize::from(unit != "B");
            return format!("{size:.decimals$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::format_size;

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (3 << 40, "3.0 TiB"),
        ] {
            assert_eq!(format_size(bytes), expected);
        }
    }
}
