//! Native histograms as the HTTP API writes them: buckets with bounds, from which the layout is told again.

use std::collections::BTreeMap;

use moheng_metrics::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, MAX_SCHEMA, MIN_SCHEMA, bucket_bound, bucket_index,
};

/// Bounds are written with so many digits that they differ from ours at most by this, relatively.
const TOLERANCE: f64 = 1e-12;

/// What stands in an answer.
pub(super) struct AnsweredHistogram {
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Boundary rule, lower bound, upper bound and count.
    pub(super) buckets: Vec<(u64, f64, f64, f64)>,
}

impl AnsweredHistogram {
    /// The histogram with the same buckets; `None` when the buckets are those of no histogram.
    pub(super) fn into_histogram(self) -> Option<FloatHistogram> {
        let mut zero_count = 0.0;
        let mut zero_threshold = 0.0;
        for (rule, _, upper, count) in &self.buckets {
            if *rule == 3 {
                (zero_threshold, zero_count) = (*upper, *count);
            }
        }
        let fits = |schema: &i8| {
            let mut sides = self.buckets.iter().filter(|(rule, ..)| *rule != 3);
            sides.all(|(_, lower, upper, _)| is_bucket(*lower, *upper, *schema, zero_threshold))
        };
        let Some(schema) = (MIN_SCHEMA..=MAX_SCHEMA).find(fits) else {
            return self.into_custom();
        };
        let (mut positive, mut negative) = (BTreeMap::new(), BTreeMap::new());
        for (rule, lower, upper, count) in &self.buckets {
            if *rule != 3 {
                let is_negative = *upper <= 0.0;
                let side = if is_negative { &mut negative } else { &mut positive };
                let far = if is_negative { -lower } else { *upper };
                // Just inside, so that rounding does not lead to the next bucket.
                side.insert(bucket_index(far * (1.0 - TOLERANCE), schema), *count);
            }
        }
        let layout = HistogramLayout {
            positive: spans(&positive)?,
            negative: spans(&negative)?,
            ..HistogramLayout::exponential(schema, zero_threshold)
        };
        Some(FloatHistogram {
            count: self.count,
            sum: self.sum,
            zero_count,
            positive: positive.into_values().collect(),
            negative: negative.into_values().collect(),
            ..FloatHistogram::empty(layout)
        })
    }

    fn into_custom(self) -> Option<FloatHistogram> {
        let mut bounds: Vec<f64> = self
            .buckets
            .iter()
            .flat_map(|(_, lower, upper, _)| [*lower, *upper])
            .filter(|bound| bound.is_finite())
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let mut positive = BTreeMap::new();
        for (rule, _, upper, count) in &self.buckets {
            if *rule != 0 {
                return None;
            }
            let index = bounds.partition_point(|bound| bound < upper);
            positive.insert(i32::try_from(index).ok()?, *count);
        }
        let layout = HistogramLayout {
            positive: spans(&positive)?,
            ..HistogramLayout::custom(bounds)
        };
        Some(FloatHistogram {
            count: self.count,
            sum: self.sum,
            positive: positive.into_values().collect(),
            ..FloatHistogram::empty(layout)
        })
    }
}

/// Whether there is a bucket with these bounds, the one nearer to zero perhaps cut at the zero threshold.
fn is_bucket(lower: f64, upper: f64, schema: i8, zero_threshold: f64) -> bool {
    let (near, far) = if upper <= 0.0 {
        (-upper, -lower)
    } else {
        (lower, upper)
    };
    if !(near >= 0.0 && far > 0.0) {
        return false;
    }
    let index = bucket_index(far * (1.0 - TOLERANCE), schema);
    let is_same =
        |ours: f64, theirs: f64| ours == theirs || (ours - theirs).abs() <= TOLERANCE * theirs.abs();
    let is_cut = near == zero_threshold && near >= bucket_bound(index.saturating_sub(1), schema);
    is_same(bucket_bound(index, schema), far)
        && (is_cut || is_same(bucket_bound(index.saturating_sub(1), schema), near))
}

fn spans(buckets: &BTreeMap<i32, f64>) -> Option<Vec<BucketSpan>> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next: Option<i32> = None;
    for index in buckets.keys() {
        let offset = index.checked_sub(next.unwrap_or(0))?;
        match spans.last_mut() {
            Some(last) if offset == 0 => last.length += 1,
            _ => spans.push(BucketSpan { offset, length: 1 }),
        }
        next = index.checked_add(1);
    }
    Some(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(layout: HistogramLayout, positive: Vec<f64>, negative: Vec<f64>, zero_count: f64) {
        let histogram = FloatHistogram {
            count: 9.0,
            sum: 2.5,
            zero_count,
            positive,
            negative,
            ..FloatHistogram::empty(layout)
        };
        let buckets = histogram.buckets().map(|bucket| {
            let rule = u64::from(bucket.boundary_rule());
            (rule, bucket.lower, bucket.upper, bucket.count)
        });
        let answered = AnsweredHistogram {
            count: 9.0,
            sum: 2.5,
            buckets: buckets.collect(),
        };
        let read = answered.into_histogram().unwrap();
        assert_eq!(read.to_string(), histogram.to_string());
        assert_eq!(read.layout.schema, histogram.layout.schema);
    }

    #[test]
    fn the_layout_is_told_from_the_bounds() {
        let span = |offset, length| vec![BucketSpan { offset, length }];
        for schema in [-2, 0, 3, 8] {
            let layout = HistogramLayout {
                positive: span(-3, 2),
                negative: span(5, 1),
                ..HistogramLayout::exponential(schema, 1e-9)
            };
            check(layout, vec![1.0, 4.0], vec![2.0], 2.0);
        }
        let layout = HistogramLayout {
            positive: span(1, 2),
            ..HistogramLayout::custom(vec![0.1, 0.3, 7.0])
        };
        check(layout, vec![1.0, 2.0], Vec::new(), 0.0);
    }
}
