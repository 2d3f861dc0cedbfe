//! [`check_histogram`]: what must hold of any native histograms, for fuzzing.

use crate::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, HistogramMean, HistogramSum, IntegerHistogram,
    counts_of_deltas, deltas_of_counts,
};

/// Counts are below this, so that sums of floats stay exact.
const MAX_COUNT: u64 = 1 << 32;

/// Reads two histograms from any bytes and computes all there is to compute with them. Of valid ones it checks that no
/// observation is lost or invented.
///
/// # Panics
///
/// When something is wrong.
pub fn check_histogram(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let (one, two) = (read_histogram(&mut bytes), read_histogram(&mut bytes));
    let limit = read_number(&mut bytes);
    check_estimates(&one.to_float(), limit);
    check_sums(&one, &two);
    check_reductions(&one, limit);
    let deltas: Vec<i64> = deltas_of_counts(&one.positive).collect();
    let counts: Vec<u64> = counts_of_deltas(deltas).collect();
    assert_eq!(counts, one.positive, "counts change on the way through deltas");
}

fn read_histogram(bytes: &mut impl Iterator<Item = u8>) -> IntegerHistogram {
    let mut next = || bytes.next().unwrap_or_default();
    let schema = match next() {
        kind @ 0..=13 => kind as i8 - 4,
        14..=100 => -53,
        other => other as i8,
    };
    let is_custom = schema == -53;
    let mut layout = HistogramLayout {
        schema,
        zero_threshold: if is_custom { 0.0 } else { f64::from(next()) / 8.0 },
        ..HistogramLayout::default()
    };
    let mut bound = -8.0;
    for _ in 0..if is_custom { next() % 16 } else { 0 } {
        bound += f64::from(next()) / 16.0;
        layout.custom_bounds.push(bound);
    }
    layout.positive = read_spans(&mut next);
    layout.negative = if is_custom {
        Vec::new()
    } else {
        read_spans(&mut next)
    };
    let mut counts =
        |length: usize| -> Vec<u64> { (0..length.min(1 << 12)).map(|_| read_count(&mut next)).collect() };
    let (positive, negative) = (
        counts(layout.positive_bucket_count()),
        counts(layout.negative_bucket_count()),
    );
    let zero_count = if is_custom { 0 } else { read_count(&mut next) };
    let buckets: u64 = positive.iter().chain(&negative).sum();
    IntegerHistogram {
        count: buckets + zero_count,
        sum: f64::from(next()) - 128.0,
        zero_count,
        positive,
        negative,
        ..IntegerHistogram::empty(layout)
    }
}

fn read_spans(next: &mut impl FnMut() -> u8) -> Vec<BucketSpan> {
    let span = |_| match next() {
        0 => BucketSpan {
            offset: i32::from_le_bytes([next(), next(), next(), next()]),
            length: u32::from(next()),
        },
        offset => BucketSpan {
            offset: i32::from(offset as i8),
            length: u32::from(next() % 32),
        },
    };
    // Always as many, so that a changed byte does not shift what comes after it.
    (0..3).map(span).collect()
}

fn read_count(next: &mut impl FnMut() -> u8) -> u64 {
    match next() {
        small @ 0..=200 => u64::from(small),
        large => u64::from(large).pow(4) % MAX_COUNT,
    }
}

fn read_number(bytes: &mut impl Iterator<Item = u8>) -> f64 {
    let mut bits = [0; 8];
    for byte in &mut bits {
        *byte = bytes.next().unwrap_or_default();
    }
    f64::from_le_bytes(bits)
}

fn check_estimates(histogram: &FloatHistogram, limit: f64) {
    let view = histogram.view();
    let _ = (
        histogram.to_string(),
        histogram.to_test_notation(),
        view.variance(),
    );
    let _ = (view.quantile(limit), view.fraction(-limit, limit));
    assert_eq!(
        view.buckets().count(),
        view.buckets().rev().count(),
        "buckets differ backwards"
    );
    let (mut below, mut above) = (histogram.clone(), histogram.clone());
    below.keep_below(limit);
    above.keep_above(limit);
    if histogram.validate().is_err() {
        return;
    }
    let mut last = f64::NEG_INFINITY;
    for quantile in [0.0, 0.1, 0.25, 0.5, 0.9, 1.0].map(|quantile| view.quantile(quantile)) {
        assert!(
            quantile.is_nan() == (histogram.count == 0.0),
            "quantile is {quantile}"
        );
        // Buckets that the zero bucket overlaps stand in the order of their bounds, not of their observations.
        let is_apart = view.buckets().all(|bucket| bucket.lower < bucket.upper);
        let is_ascending = quantile.is_nan() || quantile >= last || quantile >= last - last.abs() * 1e-9;
        assert!(!is_apart || is_ascending, "quantile {quantile} after {last}");
        last = quantile;
    }
    assert_eq!(below.validate(), Ok(()), "trimming breaks a histogram");
    assert_eq!(above.validate(), Ok(()), "trimming breaks a histogram");
}

fn check_sums(one: &IntegerHistogram, two: &IntegerHistogram) {
    let (first, second) = (one.to_float(), two.to_float());
    let _ = (
        first.view().is_equal(&second.view()),
        first.view().is_reset_since(&second.view()),
    );
    let (mut added, mut subtracted) = (first.clone(), first.clone());
    let (merged, also_merged) = (added.add(second.view()), subtracted.subtract(second.view()));
    assert_eq!(merged, also_merged, "adding and subtracting differ");
    let (mut sum, mut mean) = (HistogramSum::new(), HistogramMean::new());
    for histogram in [&first, &second, &first] {
        let _ = (sum.add(histogram.view()), mean.add(histogram.view()));
    }
    let _ = (sum.value(), mean.value());
    if one.validate().is_err() || two.validate().is_err() || merged.is_err() {
        return;
    }
    assert_eq!(added.validate(), Ok(()), "adding breaks a histogram");
    assert_eq!(
        total(&added),
        total(&first) + total(&second),
        "adding loses observations"
    );
    assert_eq!(
        total(&subtracted),
        total(&first) - total(&second),
        "subtracting loses observations"
    );
    assert!(
        !added.view().is_reset_since(&first.view()),
        "adding looks like a reset"
    );
    let mut back = second;
    assert_eq!(back.add(first.view()), merged, "the order matters");
    assert!(
        back.view().is_equal(&added.view()),
        "the order matters: {back} and {added}"
    );
}

fn check_reductions(histogram: &IntegerHistogram, threshold: f64) {
    let mut reduced = histogram.clone();
    let reduction = reduced.reduce_for_storage();
    let is_valid = reduced.validate().is_ok();
    for schema in [7, 3, -4] {
        let mut lower = reduced.clone();
        let result = lower.reduce_schema(schema);
        assert_eq!(
            result.is_ok(),
            reduction.is_ok(),
            "reducing depends on the schema"
        );
        lower.compact(3);
        assert!(
            !is_valid || lower.validate().is_ok(),
            "reducing breaks a histogram"
        );
    }
    let mut limited = reduced.clone();
    if limited.limit_buckets(5).is_ok() {
        assert!(
            limited.positive.len() + limited.negative.len() <= 5,
            "too many buckets remain"
        );
    }
    let mut wide = reduced.clone();
    wide.widen_zero_bucket(threshold);
    if is_valid && threshold.is_finite() {
        assert_eq!(wide.validate(), Ok(()), "widening breaks a histogram");
        let (wide, narrow) = (wide.to_float(), reduced.to_float());
        assert!(
            !wide.view().is_reset_since(&narrow.view()),
            "widening looks like a reset"
        );
    }
}

/// The observations in all buckets.
fn total(histogram: &FloatHistogram) -> f64 {
    let buckets = histogram.positive.iter().chain(&histogram.negative);
    buckets.sum::<f64>() + histogram.zero_count
}
