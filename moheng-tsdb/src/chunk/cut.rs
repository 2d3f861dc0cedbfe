//! When a chunk is ended: pure rules, those of Prometheus.

/// The samples a chunk of floats should have.
pub(crate) const TARGET_SAMPLES: u16 = 120;

/// With so many samples the end of a chunk of floats is planned.
pub(crate) const PLANNED_SAMPLES: u16 = TARGET_SAMPLES / 4;

/// The bytes a chunk should have at most.
pub(crate) const TARGET_BYTES: usize = 1024;

/// A float sample takes at most this many bytes, so a chunk that is shorter than the target by this much has room for one.
const SAMPLE_BYTES_MAX: usize = 19;

/// A chunk of histograms that is too large is ended only when it has this many.
const HISTOGRAMS_MIN: u16 = 10;

/// What is known about an open chunk before a sample is added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenChunk {
    pub(crate) start_ms: i64,
    /// Of the newest sample.
    pub(crate) end_ms: i64,
    pub(crate) sample_count: u16,
    pub(crate) size_bytes: usize,
    /// The planned end, exclusive: [`range_end_ms`], or earlier once it was predicted.
    pub(crate) planned_end_ms: i64,
}

/// The end, exclusive, of the aligned range of `range_ms` milliseconds that holds `timestamp_ms`. No chunk crosses it.
pub(crate) fn range_end_ms(timestamp_ms: i64, range_ms: i64) -> i64 {
    let into_range = timestamp_ms.checked_rem_euclid(range_ms).unwrap_or_default();
    timestamp_ms.saturating_add(range_ms.saturating_sub(into_range))
}

/// Whether a chunk of floats is ended before a sample is added.
#[inline]
pub(crate) fn is_full_of_floats(chunk: &OpenChunk, timestamp_ms: i64) -> bool {
    timestamp_ms >= chunk.planned_end_ms
        || chunk.sample_count >= 2 * TARGET_SAMPLES
        || chunk.size_bytes > TARGET_BYTES - SAMPLE_BYTES_MAX
}

/// Whether a chunk of histograms is ended before a sample is added; `range_end_ms` is that of the open chunk.
pub(crate) fn is_full_of_histograms(chunk: &OpenChunk, timestamp_ms: i64, range_end_ms: i64) -> bool {
    let is_due = timestamp_ms >= chunk.planned_end_ms || chunk.size_bytes >= 2 * TARGET_BYTES;
    is_due && (chunk.sample_count >= HISTOGRAMS_MIN || timestamp_ms >= range_end_ms)
}

/// Once a quarter of its samples is there, plans the end of a chunk of floats so that the rest of its range is divided evenly.
#[inline]
pub(crate) fn plan_end_of_floats(chunk: &OpenChunk) -> i64 {
    if chunk.sample_count == PLANNED_SAMPLES {
        return predict_end_ms(chunk, 4.0);
    }
    chunk.planned_end_ms
}

/// Once a quarter of its bytes is there, plans the end of a chunk of histograms so that the rest of its range is divided evenly;
/// `None` before. To be asked until it answers.
pub(crate) fn plan_end_of_histograms(chunk: &OpenChunk) -> Option<i64> {
    if chunk.size_bytes < TARGET_BYTES / 4 {
        return None;
    }
    let times_to_full = TARGET_BYTES as f64 / chunk.size_bytes as f64;
    Some(predict_end_ms(chunk, times_to_full))
}

/// When chunks are full after `times_to_full` times the time the open one took so far, ends that divide the time to the
/// planned end evenly.
fn predict_end_ms(chunk: &OpenChunk, times_to_full: f64) -> i64 {
    let whole_ms = chunk.planned_end_ms.saturating_sub(chunk.start_ms);
    let so_far_ms = chunk.end_ms.saturating_sub(chunk.start_ms).saturating_add(1);
    let chunks = whole_ms as f64 / (so_far_ms as f64 * times_to_full);
    if chunks <= 1.0 {
        return chunk.planned_end_ms;
    }
    chunk
        .start_ms
        .saturating_add((whole_ms as f64 / chunks.floor()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE_MS: i64 = 7_200_000;

    #[test]
    fn ranges_are_aligned() {
        for (timestamp_ms, end_ms) in [
            (0, RANGE_MS),
            (RANGE_MS - 1, RANGE_MS),
            (RANGE_MS, 2 * RANGE_MS),
            (-1, 0),
            (-RANGE_MS, 0),
            (i64::MAX, i64::MAX),
        ] {
            assert_eq!(range_end_ms(timestamp_ms, RANGE_MS), end_ms, "{timestamp_ms}");
        }
    }

    /// The lengths of the chunks that one sample of `bytes` every `interval_ms` makes.
    fn lengths(interval_ms: i64, bytes: usize, is_histogram: bool) -> Vec<u16> {
        let mut chunk: Option<(OpenChunk, i64, bool)> = None;
        let mut lengths = Vec::new();
        let mut timestamp_ms = 0;
        while timestamp_ms < RANGE_MS {
            if let Some((open, range_end_ms, is_planned)) = &mut chunk {
                let is_full = if is_histogram {
                    if !*is_planned && let Some(end_ms) = plan_end_of_histograms(open) {
                        open.planned_end_ms = end_ms;
                        *is_planned = true;
                    }
                    is_full_of_histograms(open, timestamp_ms, *range_end_ms)
                } else {
                    open.planned_end_ms = plan_end_of_floats(open);
                    is_full_of_floats(open, timestamp_ms)
                };
                if is_full {
                    lengths.push(open.sample_count);
                    chunk = None;
                }
            }
            let end = range_end_ms(timestamp_ms, RANGE_MS);
            let fresh = OpenChunk {
                start_ms: timestamp_ms,
                end_ms: timestamp_ms,
                sample_count: 0,
                size_bytes: 0,
                planned_end_ms: end,
            };
            let (open, ..) = chunk.get_or_insert((fresh, end, false));
            open.sample_count += 1;
            open.size_bytes += bytes;
            open.end_ms = timestamp_ms;
            timestamp_ms += interval_ms;
        }
        lengths.extend(chunk.map(|(open, ..)| open.sample_count));
        lengths
    }

    #[test]
    fn chunks_divide_their_range_evenly() {
        assert_eq!(lengths(15_000, 2, false), [120; 4]);
        assert_eq!(lengths(10_000, 2, false), [120; 6]);
        assert_eq!(lengths(60_000, 2, false), [120]);
        assert_eq!(lengths(13_000, 2, false), [139, 139, 138, 138]);
        assert_eq!(lengths(15_000, 10, false)[..2], [101, 101], "bytes");
    }

    #[test]
    fn chunks_of_histograms_are_ended_by_bytes() {
        assert_eq!(lengths(15_000, 30, true).iter().sum::<u16>(), 480);
        assert!(
            lengths(15_000, 30, true)
                .iter()
                .all(|length| (25..=40).contains(length))
        );
        assert_eq!(
            lengths(15_000, 5000, true)[..3],
            [10, 10, 10],
            "but not too short"
        );
    }
}
