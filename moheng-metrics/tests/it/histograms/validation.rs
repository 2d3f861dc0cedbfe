//! What is wrong with a histogram is named.

use std::sync::Arc;

use moheng_metrics::histogram::{BucketSpan, HistogramLayout, IntegerHistogram};

fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
    let span = |(offset, length): &(i32, u32)| BucketSpan {
        offset: *offset,
        length: *length,
    };
    spans.iter().map(span).collect()
}

fn valid() -> IntegerHistogram {
    IntegerHistogram {
        count: 21,
        sum: 5.0,
        zero_count: 6,
        positive: vec![1, 2, 3],
        negative: vec![4, 5],
        ..IntegerHistogram::empty(HistogramLayout {
            positive: spans(&[(-1, 2), (3, 1)]),
            negative: spans(&[(2, 2)]),
            ..HistogramLayout::exponential(2, 0.5)
        })
    }
}

fn valid_custom() -> IntegerHistogram {
    IntegerHistogram {
        count: 3,
        positive: vec![1, 2],
        ..IntegerHistogram::empty(HistogramLayout {
            positive: spans(&[(1, 2)]),
            ..HistogramLayout::custom(vec![-1.0, 2.0])
        })
    }
}

#[track_caller]
fn check(histogram: &IntegerHistogram, expected: &str) {
    let error = histogram.validate().map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()));
    // Sums of fractions are not compared, and neither is the largest whole number.
    if !expected.contains("observations") && !expected.contains("count") {
        assert_eq!(
            histogram.to_float().validate().map_err(|error| error.to_string()),
            Err(expected.to_owned())
        );
    }
}

#[track_caller]
fn check_layout(change: impl Fn(&mut HistogramLayout), expected: &str) {
    let mut histogram = valid();
    change(Arc::make_mut(&mut histogram.layout));
    check(&histogram, expected);
}

#[track_caller]
fn check_custom(change: impl Fn(&mut HistogramLayout), expected: &str) {
    let mut histogram = valid_custom();
    change(Arc::make_mut(&mut histogram.layout));
    check(&histogram, expected);
}

#[test]
fn good_histograms_are_taken() {
    assert_eq!(valid().validate(), Ok(()));
    assert_eq!(valid().to_float().validate(), Ok(()));
    assert_eq!(valid_custom().validate(), Ok(()));
    assert_eq!(IntegerHistogram::stale().validate(), Ok(()));
    let nan = IntegerHistogram {
        sum: f64::NAN,
        count: 25,
        ..valid()
    };
    assert_eq!(nan.validate(), Ok(()));
}

#[test]
fn bad_layouts_are_refused() {
    check_layout(
        |layout| layout.schema = 9,
        "histogram has schema 9, which is neither in -4..=8 nor -53 (custom buckets)",
    );
    check_layout(
        |layout| layout.schema = -5,
        "histogram has schema -5, which is neither in -4..=8 nor -53 (custom buckets)",
    );
    check_layout(
        |layout| layout.zero_threshold = -0.5,
        "histogram has zero threshold -0.5",
    );
    check_layout(
        |layout| layout.zero_threshold = f64::NAN,
        "histogram has zero threshold NaN",
    );
    check_layout(
        |layout| layout.positive[1].offset = -1,
        "positive span 1 has the negative offset -1",
    );
    check_layout(
        |layout| layout.negative[0].offset = i32::MAX,
        "negative spans reach beyond the last possible bucket",
    );
    check_layout(
        |layout| layout.positive[1].length = u32::MAX,
        "positive spans reach beyond the last possible bucket",
    );
    check_layout(
        |layout| layout.custom_bounds.push(1.0),
        "histogram with exponential buckets has custom bounds",
    );
    check_layout(
        |layout| layout.negative[0].length = 1,
        "negative spans describe 1 buckets, but 2 have counts",
    );
}

#[test]
fn bad_custom_bounds_are_refused() {
    let bound = "custom bound 1 is not finite or not above the one before";
    check_custom(|layout| layout.custom_bounds[1] = -1.0, bound);
    check_custom(|layout| layout.custom_bounds[1] = f64::INFINITY, bound);
    check_custom(|layout| layout.custom_bounds[1] = f64::NAN, bound);
    let outside = "custom buckets lie outside of the custom bounds";
    check_custom(|layout| layout.custom_bounds.truncate(1), outside);
    check_custom(|layout| layout.positive[0].offset = -1, outside);
    let signed = "histogram with custom buckets has a zero bucket or negative buckets";
    check_custom(|layout| layout.zero_threshold = 1.0, signed);
    check_custom(|layout| layout.negative = spans(&[(0, 1)]), signed);
    check(
        &IntegerHistogram {
            zero_count: 1,
            count: 4,
            ..valid_custom()
        },
        signed,
    );
}

#[test]
fn bad_counts_are_refused() {
    let count = |count| IntegerHistogram { count, ..valid() };
    check(
        &count(20),
        "buckets hold 21 observations, but the histogram's count is 20",
    );
    check(
        &count(22),
        "buckets hold 21 observations, but the histogram's count is 22",
    );
    let nan = IntegerHistogram {
        sum: f64::NAN,
        ..count(20)
    };
    check(
        &nan,
        "buckets hold 21 observations, more than the histogram's count 20",
    );
    check(&count(u64::MAX), "histogram has a negative count");
    let mut negative = valid();
    negative.negative[1] = 5_u64.wrapping_neg();
    check(&negative, "negative bucket 1 has a negative count");
    check(
        &IntegerHistogram {
            zero_count: u64::MAX,
            ..valid()
        },
        "zero bucket has a negative count",
    );
    for bad in [-1.0, f64::NAN] {
        let mut float = valid().to_float();
        float.positive[2] = bad;
        let error = float.validate().expect_err("is refused");
        assert_eq!(error.to_string(), "positive bucket 2 has a negative count");
    }
}
