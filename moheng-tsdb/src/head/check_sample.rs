//! Checking a sample against the newest one of its series.

use moheng_metrics::SampleError;

use super::series::Tail;

/// Which samples the head takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppendBounds {
    /// The oldest time.
    pub(super) start_ms: i64,
    /// From when on what is older than that, or than the newest sample of its series, is taken as late.
    pub(super) late_from_ms: Option<i64>,
}

/// What a sample that is taken is to its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Newest,
    /// The newest one again.
    Repeated,
    Late,
}

/// Sums up what happened to the entries.
#[derive(Debug, Default)]
pub(super) struct BatchCounts {
    pub(super) repeated: u64,
    pub(super) out_of_order: u64,
    pub(super) duplicate: u64,
    pub(super) out_of_bounds: u64,
    pub(super) too_old: u64,
    pub(super) unknown_reference: u64,
    pub(super) series_created: usize,
}

/// Checks a sample against the newest one of its series, which it becomes unless it is late or the same again.
#[inline]
pub(super) fn check_tail(
    tail: &mut Tail,
    timestamp_ms: i64,
    value_bits: u64,
    bounds: AppendBounds,
    counts: &mut BatchCounts,
) -> Result<Taken, SampleError> {
    if timestamp_ms < bounds.start_ms || (tail.has_samples && timestamp_ms <= tail.end_ms) {
        return check_old(tail, timestamp_ms, value_bits, bounds, counts);
    }
    tail.has_samples = true;
    tail.end_ms = timestamp_ms;
    tail.value_bits = value_bits;
    Ok(Taken::Newest)
}

/// Checks a sample that cannot become the newest one of its series.
fn check_old(
    tail: &Tail,
    timestamp_ms: i64,
    value_bits: u64,
    bounds: AppendBounds,
    counts: &mut BatchCounts,
) -> Result<Taken, SampleError> {
    let is_valid = timestamp_ms >= bounds.start_ms;
    if is_valid && timestamp_ms == tail.end_ms {
        if value_bits != tail.value_bits {
            counts.duplicate += 1;
            return Err(SampleError::DuplicateTimestamp);
        }
        counts.repeated += 1;
        return Ok(Taken::Repeated);
    }
    match bounds.late_from_ms {
        Some(from_ms) if timestamp_ms >= from_ms => Ok(Taken::Late),
        Some(_) => {
            counts.too_old += 1;
            Err(SampleError::OutOfBounds)
        }
        None if is_valid => {
            counts.out_of_order += 1;
            Err(SampleError::OutOfOrder)
        }
        None => {
            counts.out_of_bounds += 1;
            Err(SampleError::OutOfBounds)
        }
    }
}
