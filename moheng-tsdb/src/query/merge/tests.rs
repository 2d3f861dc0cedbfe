//! Merging is compared with sorting everything.

use std::collections::BTreeMap;

use moheng_metrics::histogram::{FloatHistogram, HistogramLayout, ResetHint};
use moheng_metrics::{HistogramView, SampleBuffer, SampleCursor, SourceError};
use proptest::prelude::*;

use super::MergedSamples;

/// Hands out samples a few at a time: every third time a histogram, with the part's number as its sum.
struct Batches {
    times: Vec<i64>,
    number: f64,
    batch: usize,
}

impl SampleCursor for Batches {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        let count = self.batch.min(self.times.len());
        for time_ms in self.times.drain(..count) {
            if time_ms % 3 == 0 {
                let histogram = FloatHistogram::empty(HistogramLayout::default());
                let view = HistogramView {
                    layout: &histogram.layout,
                    reset_hint: ResetHint::NotReset,
                    is_integer: true,
                    count: 0.0,
                    sum: self.number,
                    zero_count: 0.0,
                    positive: &[],
                    negative: &[],
                };
                buffer.histograms.push(time_ms, view);
            } else {
                buffer.floats.push(time_ms, self.number);
            }
        }
        Ok(count > 0)
    }
}

fn merge(parts: &[(Vec<i64>, usize)]) -> SampleBuffer {
    let cursors = parts.iter().enumerate().map(|(number, (times, batch))| {
        let batches = Batches {
            times: times.clone(),
            number: number as f64,
            batch: *batch,
        };
        Box::new(batches) as Box<dyn SampleCursor>
    });
    let mut merged = MergedSamples::new(cursors.collect());
    let mut buffer = SampleBuffer::new();
    let mut before = 0;
    while merged.read(&mut buffer).unwrap() {
        assert!(buffer.len() > before, "a batch is empty");
        before = buffer.len();
    }
    assert!(!merged.read(&mut buffer).unwrap());
    buffer
}

proptest! {
    #[test]
    fn every_time_comes_once_from_the_first_part_that_has_it(
        parts in prop::collection::vec((prop::collection::btree_set(-50..50_i64, 0..40), 1..7_usize), 0..4)
    ) {
        let parts: Vec<(Vec<i64>, usize)> = parts
            .into_iter()
            .map(|(times, batch)| (times.into_iter().collect(), batch))
            .collect();
        let mut expected = BTreeMap::new();
        for (number, (times, _)) in parts.iter().enumerate() {
            for &time_ms in times {
                expected.entry(time_ms).or_insert(number as f64);
            }
        }
        let buffer = merge(&parts);
        let floats = buffer.floats.timestamps_ms.iter().copied().zip(buffer.floats.values.iter().copied());
        let histograms = (0..buffer.histograms.len()).map(|index| {
            (buffer.histograms.timestamps_ms[index], buffer.histograms.get(index).unwrap().sum)
        });
        prop_assert!(buffer.floats.timestamps_ms.is_sorted());
        prop_assert!(buffer.histograms.timestamps_ms.is_sorted());
        let found: BTreeMap<i64, f64> = floats.chain(histograms).collect();
        prop_assert_eq!(found.len(), buffer.len());
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn what_is_known_about_resets_ends_where_parts_change() {
    let buffer = merge(&[(vec![3, 6, 15], 2), (vec![9, 12], 2)]);
    let hints: Vec<ResetHint> = (0..5)
        .map(|index| buffer.histograms.get(index).unwrap().reset_hint)
        .collect();
    let (known, unknown) = (ResetHint::NotReset, ResetHint::Unknown);
    assert_eq!(hints, [unknown, known, unknown, known, unknown]);
}
