//! Native histograms: computations compared with maps of buckets, estimates with properties they must have.

mod estimates;
mod naive;
mod validation;

use std::sync::Arc;

use moheng_metrics::HistogramView;
use moheng_metrics::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, HistogramMean, HistogramSum, IntegerHistogram, MixedBuckets,
    ResetHint, counts_of_deltas, deltas_of_counts,
};
use moheng_metrics::testing::{
    HistogramSeries, Random, check_histogram, random_float_histogram, random_histogram,
};
use proptest::prelude::*;

use self::naive::Naive;

/// A histogram from the notation of tests: runs of (first index, counts) above and below zero.
fn exponential(
    schema: i8,
    zero: (f64, f64),
    positive: &[(i32, &[f64])],
    negative: &[(i32, &[f64])],
) -> FloatHistogram {
    let (positive_spans, positive) = runs(positive);
    let (negative_spans, negative) = runs(negative);
    let (zero_threshold, zero_count) = zero;
    FloatHistogram {
        count: positive.iter().chain(&negative).sum::<f64>() + zero_count,
        zero_count,
        positive,
        negative,
        ..FloatHistogram::empty(HistogramLayout {
            positive: positive_spans,
            negative: negative_spans,
            ..HistogramLayout::exponential(schema, zero_threshold)
        })
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    let (positive, counts) = runs(&[(0, counts)]);
    FloatHistogram {
        count: counts.iter().sum(),
        positive: counts,
        ..FloatHistogram::empty(HistogramLayout {
            positive,
            ..HistogramLayout::custom(bounds.to_vec())
        })
    }
}

fn runs(runs: &[(i32, &[f64])]) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut end = 0;
    let span = |(first, counts): &(i32, &[f64])| {
        let offset = first - end;
        let length = counts.len() as u32;
        end = first + length as i32;
        BucketSpan { offset, length }
    };
    let spans = runs.iter().map(span).collect();
    let counts = runs.iter().flat_map(|(_, counts)| counts.iter().copied());
    (spans, counts.collect())
}

/// The same buckets written down differently: one span per bucket.
fn with_other_spans(histogram: &FloatHistogram) -> FloatHistogram {
    let split = |spans: &[BucketSpan]| -> Vec<BucketSpan> {
        let single = |span: &BucketSpan| {
            let first = BucketSpan {
                offset: span.offset,
                length: span.length.min(1),
            };
            let rest = (1..span.length).map(|_| BucketSpan { offset: 0, length: 1 });
            std::iter::once(first).chain(rest).collect::<Vec<_>>()
        };
        spans.iter().flat_map(single).collect()
    };
    let layout = HistogramLayout {
        positive: split(&histogram.layout.positive),
        negative: split(&histogram.layout.negative),
        ..(*histogram.layout).clone()
    };
    FloatHistogram {
        layout: Arc::new(layout),
        ..histogram.clone()
    }
}

fn compacted(histogram: &FloatHistogram) -> FloatHistogram {
    let mut histogram = histogram.clone();
    histogram.compact(0);
    histogram
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_maps(seed: u64) {
        let mut random = Random::new(seed);
        let (one, two) = (random_float_histogram(&mut random), random_float_histogram(&mut random));
        let mut sum = one.clone();
        let mut difference = one.clone();
        let merged = sum.add(two.view());
        prop_assert_eq!(difference.subtract(two.view()), merged);
        if one.layout.is_custom() != two.layout.is_custom() {
            prop_assert_eq!(merged, Err(MixedBuckets));
            prop_assert!(sum.view().is_equal(&one.view()) || one.sum.is_nan(), "something changed");
            return Ok(());
        }
        prop_assert!(merged.is_ok());
        Naive::sum(&one, &two, 1.0).assert_is(&sum);
        Naive::sum(&one, &two, -1.0).assert_is(&difference);
        prop_assert_eq!(difference.reset_hint, ResetHint::Gauge);
        prop_assert_eq!(sum.layout.validate(), Ok(()));

        let mut other_way = two.clone();
        prop_assert_eq!(other_way.add(one.view()), merged);
        Naive::of(&sum).assert_is(&other_way);

        let mut in_place = with_other_spans(&sum);
        prop_assert!(in_place.add(one.view()).is_ok());
        let mut anew = one.clone();
        prop_assert!(anew.add(sum.view()).is_ok());
        Naive::of(&anew).assert_is(&in_place);
    }

    #[test]
    fn long_sums_and_means_are_those_of_maps(seed: u64) {
        let mut random = Random::new(seed);
        let is_custom = random.below(3) == 0;
        let mut histograms: Vec<FloatHistogram> = (0..40).map(|_| random_float_histogram(&mut random)).collect();
        histograms.retain(|histogram| histogram.layout.is_custom() == is_custom && histogram.sum.abs() < 1e6);
        let (mut sum, mut mean, mut incremental) = (HistogramSum::new(), HistogramMean::new(), HistogramMean::new());
        let mut plain: Option<FloatHistogram> = None;
        for (number, histogram) in histograms.iter().enumerate() {
            prop_assert!(sum.add(histogram.view()).is_ok());
            prop_assert!(mean.add(histogram.view()).is_ok());
            // Too large to be summed up.
            let mut large = histogram.clone();
            large.scale(1e302);
            prop_assert!(incremental.add(large.view()).is_ok());
            match &mut plain {
                Some(plain) => prop_assert!(plain.add(histogram.view()).is_ok()),
                None => plain = Some(histogram.clone()),
            }
            let expected = Naive::of(plain.as_ref().expect("something was added"));
            expected.assert_is(&sum.value().expect("something was added"));
            let length = (number + 1) as f64;
            expected.scaled(1.0 / length).assert_is(&mean.value().expect("something was added"));
            if let Some(mut mean) = incremental.value() {
                prop_assert!(!mean.has_overflow());
                mean.scale(1e-302);
                expected.scaled(1.0 / length).assert_is(&mean);
            }
        }
        sum.clear();
        prop_assert!(sum.is_empty() && sum.value().is_none());
        if let Some(first) = histograms.first() {
            prop_assert!(sum.add(first.view()).is_ok());
            prop_assert!(sum.value().is_some_and(|sum| sum.view().is_equal(&first.view())));
        }
    }

    #[test]
    fn reduction_keeps_every_observation(seed: u64, schema in -4_i8..9, max_empty in 0_u32..5) {
        let histogram = random_histogram(&mut Random::new(seed));
        let mut reduced = histogram.clone();
        prop_assert_eq!(reduced.reduce_schema(schema), Ok(()));
        prop_assert_eq!(reduced.validate(), Ok(()));
        if !histogram.layout.is_custom() {
            prop_assert_eq!(reduced.layout.schema, schema.min(histogram.layout.schema));
        }
        let expected = Naive::of(&histogram.to_float()).reduced_to(schema);
        expected.assert_is(&reduced.to_float());

        let mut compact = reduced.clone();
        compact.compact(max_empty);
        prop_assert_eq!(compact.validate(), Ok(()));
        expected.assert_is(&compact.to_float());
        if !reduced.sum.is_nan() {
            prop_assert!(compact.to_float().view().is_equal(&reduced.to_float().view()));
        }
        let layout = Arc::clone(&compact.layout);
        compact.compact(max_empty);
        prop_assert_eq!(&layout, &compact.layout);
        let gaps = layout.positive.iter().skip(1).chain(layout.negative.iter().skip(1));
        prop_assert!(gaps.clone().all(|span| span.offset > max_empty as i32));

        let limit = 4;
        let mut limited = histogram.clone();
        match limited.limit_buckets(limit) {
            Ok(()) => prop_assert!(limited.positive.len() + limited.negative.len() <= limit),
            Err(_) => prop_assert!(limited.layout.schema <= -4),
        }
        prop_assert_eq!(limited.validate(), Ok(()));
    }

    #[test]
    fn widening_keeps_every_observation(seed: u64, threshold in 0.0..20.0_f64) {
        let histogram = random_histogram(&mut Random::new(seed));
        let mut wide = histogram.clone();
        wide.widen_zero_bucket(threshold);
        prop_assert_eq!(wide.validate(), Ok(()));
        if !histogram.layout.is_custom() {
            prop_assert!(wide.layout.zero_threshold >= threshold.max(histogram.layout.zero_threshold));
            let cuts = |bucket: &moheng_metrics::histogram::Bucket<u64>| {
                bucket.lower.abs().max(bucket.upper.abs()) <= wide.layout.zero_threshold
            };
            let is_wider = wide.layout.zero_threshold > histogram.layout.zero_threshold;
            let inside = wide.buckets().filter(|bucket| bucket.boundary_rule() != 3).any(|bucket| cuts(&bucket));
            prop_assert!(!is_wider || !inside, "a bucket lies in the zero bucket");
        }
    }

    #[test]
    fn growing_counters_never_reset(seed: u64) {
        let mut series = HistogramSeries::counter(seed);
        let mut last = series.next_sample().to_float();
        for _ in 0..12 {
            let next = series.next_sample();
            prop_assert_eq!(next.validate(), Ok(()));
            let next = next.to_float();
            prop_assert!(!next.view().is_reset_since(&last.view()));
            let mut coarser = next.clone();
            prop_assert_eq!(coarser.reduce_schema(-1), Ok(()));
            coarser.widen_zero_bucket(1e-100);
            prop_assert!(!coarser.view().is_reset_since(&last.view()), "a lower resolution is no reset");
            prop_assert!(!with_other_spans(&next).view().is_reset_since(&last.view()));
            if last.layout.schema > -1 {
                prop_assert!(last.view().is_reset_since(&coarser.view()), "a higher resolution is a reset");
            }
            let largest = next.positive.iter().copied().fold(0.0, f64::max);
            if largest > 0.0 {
                let mut dropped = with_other_spans(&next);
                let position = dropped.positive.iter().position(|count| *count == largest).expect("is there");
                dropped.positive[position] -= 1.0;
                dropped.negative.push(2.0);
                prop_assert!(dropped.view().is_reset_since(&next.view()), "one bucket dropped");
            }
            last = next;
        }
    }

    #[test]
    fn starting_again_is_a_reset(seed: u64) {
        let mut series = HistogramSeries::counter_with_resets(seed, 3);
        let mut last = series.next_sample().to_float();
        for _ in 0..12 {
            let next = series.next_sample().to_float();
            prop_assert!(!series.last_was_reset() || next.view().is_reset_since(&last.view()));
            last = next;
        }
    }

    #[test]
    fn deltas_are_undone(counts: Vec<u64>, deltas: Vec<i64>) {
        prop_assert_eq!(counts_of_deltas(deltas_of_counts(&counts)).collect::<Vec<u64>>(), counts);
        let counts: Vec<u64> = counts_of_deltas(deltas.iter().copied()).collect();
        prop_assert_eq!(deltas_of_counts(&counts).collect::<Vec<i64>>(), deltas);
    }

    #[test]
    fn no_observation_is_lost(data in prop::collection::vec(any::<u8>(), 0..200)) {
        check_histogram(&data);
    }

    #[test]
    fn nothing_panics_on_nonsense(
        spans in prop::collection::vec((any::<i32>(), any::<u32>()), 0..4),
        counts in prop::collection::vec(any::<f64>(), 0..6),
        other_counts in prop::collection::vec(any::<f64>(), 0..6),
        bounds in prop::collection::vec(any::<f64>(), 0..4),
        schemas: (i8, i8),
        numbers: (f64, f64, f64, f64),
    ) {
        let spans: Vec<BucketSpan> = spans.iter().map(|(offset, length)| BucketSpan { offset: *offset, length: *length }).collect();
        let odd = |schema: i8, counts: &[f64], sum: f64, zero_threshold: f64| FloatHistogram {
            count: 3.0,
            sum,
            zero_count: 1.0,
            positive: counts.to_vec(),
            negative: counts.iter().rev().copied().collect(),
            ..FloatHistogram::empty(HistogramLayout {
                schema,
                zero_threshold,
                positive: spans.clone(),
                negative: spans.iter().rev().copied().collect(),
                custom_bounds: bounds.clone(),
            })
        };
        let one = odd(schemas.0, &counts, numbers.0, numbers.1);
        let two = odd(schemas.1, &other_counts, numbers.2, numbers.3);
        exercise(&one, &two);
        exercise(&one, &odd(-53, &other_counts, 1.0, 0.0));
        exercise(&odd(-53, &counts, 1.0, 0.0), &odd(-53, &other_counts, 1.0, 0.0));
    }
}

/// Calls everything; what comes out does not matter.
fn exercise(one: &FloatHistogram, two: &FloatHistogram) {
    let _ = one.validate();
    let (first, second) = (one.view(), two.view());
    let _ = (
        first.is_equal(&second),
        first.is_reset_since(&second),
        first.variance(),
    );
    for at in [0.0, 0.3, 0.5, 0.7, 1.0] {
        let _ = (first.quantile(at), first.fraction(-at, at));
    }
    assert!(first.buckets().count() <= one.positive.len() + one.negative.len() + 1);
    assert_eq!(first.buckets().count(), first.buckets().rev().count());
    let _ = (
        one.to_string(),
        one.to_test_notation(),
        first.classic_buckets().map(Iterator::count),
    );
    let changes: [Change; 7] = [
        |histogram| histogram.compact(1),
        |histogram| _ = histogram.reduce_schema(-2),
        |histogram| _ = histogram.limit_buckets(1),
        |histogram| histogram.widen_zero_bucket(2.0),
        |histogram| histogram.keep_below(0.7),
        |histogram| histogram.keep_above(-0.7),
        |histogram| histogram.divide(0.0),
    ];
    for change in changes {
        change(&mut one.clone());
    }
    let (mut sum, mut difference) = (one.clone(), one.clone());
    let _ = (sum.add(second), difference.subtract(second));
    let (mut sum, mut mean) = (HistogramSum::new(), HistogramMean::new());
    for histogram in [first, second, first] {
        let _ = (sum.add(histogram), mean.add(histogram));
    }
    let _ = (sum.value(), mean.value());
}

#[test]
fn hints_are_combined() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    #[track_caller]
    fn check(one: ResetHint, two: ResetHint, expected: ResetHint, collides: bool) {
        let with = |reset_hint| FloatHistogram {
            reset_hint,
            ..exponential(0, (0.0, 0.0), &[(0, &[1.0])], &[])
        };
        for (one, two) in [(one, two), (two, one)] {
            let mut sum = with(one);
            let merged = sum.add(with(two).view()).expect("both are exponential");
            assert_eq!(
                (sum.reset_hint, merged.resets_collide),
                (expected, collides),
                "{one:?} + {two:?}"
            );
            let mut difference = with(one);
            let merged = difference
                .subtract(with(two).view())
                .expect("both are exponential");
            assert_eq!(
                (difference.reset_hint, merged.resets_collide),
                (Gauge, collides),
                "{one:?} - {two:?}"
            );
        }
    }
    check(Unknown, Unknown, Unknown, false);
    check(Reset, Reset, Reset, false);
    check(NotReset, NotReset, NotReset, false);
    check(Gauge, Gauge, Gauge, false);
    check(Gauge, Unknown, Gauge, false);
    check(Gauge, Reset, Gauge, false);
    check(Gauge, NotReset, Gauge, false);
    check(Unknown, Reset, Unknown, false);
    check(Unknown, NotReset, Unknown, false);
    check(Reset, NotReset, Unknown, true);
}

#[test]
fn a_sum_notices_resets_that_collide_behind_a_gauge() {
    let mut sum = HistogramSum::new();
    for (reset_hint, collides) in [
        (ResetHint::NotReset, false),
        (ResetHint::Gauge, false),
        (ResetHint::Unknown, false),
        (ResetHint::Reset, true),
    ] {
        let histogram = FloatHistogram {
            reset_hint,
            ..exponential(0, (0.0, 1.0), &[], &[])
        };
        sum.add(histogram.view()).expect("both are exponential");
        assert_eq!(sum.merged().resets_collide, collides, "{reset_hint:?}");
    }
    assert_eq!(sum.value().map(|sum| sum.reset_hint), Some(ResetHint::Gauge));
}

#[test]
fn means_keep_their_precision_where_sums_overflow() {
    #[track_caller]
    fn check(counts: &[f64], sums: &[f64], expected: (f64, f64)) {
        let mut mean = HistogramMean::new();
        for (count, sum) in counts.iter().zip(sums) {
            let layout = HistogramLayout::exponential(0, 0.0);
            let histogram = FloatHistogram {
                count: *count,
                sum: *sum,
                ..FloatHistogram::empty(layout)
            };
            assert_eq!(mean.add(histogram.view()), Ok(()));
        }
        let found = mean.value().map(|mean| (mean.count, mean.sum));
        let is_near = |one: f64, two: f64| (one - two).abs() <= 1e-12 * two.abs();
        let is_right =
            found.is_some_and(|found| is_near(found.0, expected.0) && is_near(found.1, expected.1));
        assert!(is_right, "{sums:?}: {found:?}, not {expected:?}");
    }
    check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1e100, 1.0, -1e100], (2.5, 0.5));
    let large = [f64::MAX, 1e308, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6];
    let mean = 3.996_704_478_374_736_7e307;
    check(
        &large,
        &[5.3, 1e100, 1.0, -1e100, 2.0, 0.0, 0.0],
        (mean, 8.3 / 7.0),
    );
    check(
        &large,
        &[5.3, 1e100, -1e100, 1.0, 1e100, -1e100, 0.0],
        (mean, 0.9),
    );
    check(&large, &[5.3, 1e100, -1e100, 1.0, 1e50, -1e50, 0.0], (mean, 0.9));
    check(&[f64::MAX], &[5.0], (f64::MAX, 5.0));
}

#[test]
fn histograms_are_written_for_people() {
    let histogram = exponential(
        0,
        (0.001, 2.0),
        &[(0, &[1.0, 0.0, 2.5])],
        &[(1, &[3.0]), (4, &[0.0, 1e6])],
    );
    let text =
        "{count:1.0000085e+06, sum:0, [-32,-16):1e+06, [-2,-1):3, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:2.5}";
    assert_eq!(histogram.to_string(), text);
    assert_eq!(histogram.view().to_string(), text);
    let notation = "{{count:1.0000085e+06 z_bucket:2 z_bucket_w:0.001 buckets:[1 0 2.5] \
                    n_offset:1 n_buckets:[3 0 0 0 1e+06]}}";
    assert_eq!(histogram.to_test_notation(), notation);
    let nhcb = custom(&[5.0, 10.0], &[0.0, 2.0]).to_test_notation();
    assert_eq!(
        nhcb,
        "{{schema:-53 count:2 custom_values:[5 10] offset:1 buckets:[2]}}"
    );
    let far = exponential(8, (0.0, 0.0), &[(-2_000_000, &[1.0]), (2_000_000, &[1.0])], &[]);
    assert_eq!(far.to_test_notation(), far.to_string());
    let whole = IntegerHistogram {
        count: u64::MAX,
        sum: f64::NAN,
        zero_count: 1 << 60,
        ..IntegerHistogram::empty(HistogramLayout::exponential(0, 0.0))
    };
    assert_eq!(
        whole.to_string(),
        "{count:18446744073709551615, sum:NaN, [-0,0]:1152921504606846976}"
    );
}

#[test]
fn custom_bounds_are_reconciled() {
    #[track_caller]
    fn check(one: &FloatHistogram, two: &FloatHistogram, expected: &FloatHistogram, reconciled: bool) {
        let mut sum = one.clone();
        let merged = sum.add(two.view()).expect("both are custom");
        assert_eq!(merged.bounds_reconciled, reconciled);
        assert_eq!(
            compacted(&sum).to_test_notation(),
            compacted(expected).to_test_notation()
        );
    }
    let one = custom(&[2.0, 4.0, 6.0], &[1.0, 2.0, 5.0, 7.0]);
    let two = custom(
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0],
    );
    check(
        &one,
        &two,
        &custom(&[2.0, 4.0, 6.0], &[31.0, 72.0, 115.0, 247.0]),
        true,
    );
    check(
        &two,
        &one,
        &custom(&[2.0, 4.0, 6.0], &[31.0, 72.0, 115.0, 247.0]),
        true,
    );
    check(
        &one,
        &one,
        &custom(&[2.0, 4.0, 6.0], &[2.0, 4.0, 10.0, 14.0]),
        false,
    );
    check(
        &custom(&[1.0], &[1.0, 2.0]),
        &custom(&[3.0], &[4.0, 8.0]),
        &custom(&[], &[15.0]),
        true,
    );
}

#[test]
fn resets_of_custom_buckets_are_seen_where_bounds_agree() {
    #[track_caller]
    fn check(before: &FloatHistogram, now: &FloatHistogram, expected: bool) {
        assert_eq!(now.view().is_reset_since(&before.view()), expected);
    }
    let before = custom(&[2.0, 4.0, 6.0], &[1.0, 2.0, 5.0, 7.0]);
    check(
        &before,
        &custom(&[2.0, 3.0, 4.0, 6.0], &[1.0, 0.0, 1.0, 5.0, 8.0]),
        true,
    );
    check(
        &before,
        &custom(&[2.0, 3.0, 4.0, 6.0], &[1.0, 1.0, 1.0, 5.0, 8.0]),
        false,
    );
    check(&before, &custom(&[5.0], &[0.0, 15.0]), false);
    check(&before, &custom(&[5.0], &[0.0, 14.0]), true);
    check(&before, &exponential(0, (0.0, 100.0), &[], &[]), true);
    check(&exponential(0, (0.0, 1.0), &[], &[]), &before, true);
}

#[test]
fn hints_decide_about_resets_where_they_can() {
    #[track_caller]
    fn check(reset_hint: ResetHint, grew: bool, expected: bool) {
        let before = exponential(0, (0.0, 5.0), &[], &[]);
        let now = FloatHistogram {
            reset_hint,
            ..exponential(0, (0.0, if grew { 6.0 } else { 4.0 }), &[], &[])
        };
        assert_eq!(
            now.view().is_reset_since(&before.view()),
            expected,
            "{reset_hint:?}, {grew}"
        );
    }
    check(ResetHint::Reset, true, true);
    check(ResetHint::NotReset, false, false);
    check(ResetHint::Unknown, true, false);
    check(ResetHint::Unknown, false, true);
    check(ResetHint::Gauge, true, false);
    check(ResetHint::Gauge, false, true);
}

#[test]
fn zero_buckets_that_end_inside_a_bucket_are_resets() {
    let before = exponential(0, (0.1, 1.0), &[(0, &[2.0])], &[]);
    let check = |threshold: f64, zero_count: f64, rest: f64, expected: bool| {
        let now = exponential(0, (threshold, zero_count), &[(1, &[rest])], &[]);
        assert_eq!(
            now.view().is_reset_since(&before.view()),
            expected,
            "{threshold} {zero_count}"
        );
    };
    // The bucket (0.5, 1] is populated.
    check(0.75, 3.0, 0.0, true);
    check(1.0, 3.0, 0.0, false);
    check(1.0, 2.0, 5.0, true);
    check(0.05, 3.0, 5.0, true);
    check(0.25, 1.0, 5.0, true);
}

#[test]
fn division_by_zero_leaves_the_zero_bucket() {
    let mut histogram = exponential(0, (0.001, 3.0), &[(0, &[3.0])], &[(0, &[6.0])]);
    histogram.sum = -33.0;
    histogram.divide(0.0);
    let text = "{{count:+Inf sum:-Inf z_bucket:+Inf z_bucket_w:0.001}}";
    assert_eq!(histogram.to_test_notation(), text);
    let mut negated = exponential(0, (0.0, 3.0), &[(0, &[3.0])], &[]);
    negated.scale(-2.0);
    assert_eq!(
        negated.to_test_notation(),
        "{{count:-12 z_bucket:-6 counter_reset_hint:gauge buckets:[-6]}}"
    );
}

type Change = fn(&mut FloatHistogram);

#[test]
fn equality_does_not_see_how_buckets_are_written_down() {
    let one = exponential(1, (0.5, 2.0), &[(0, &[1.0, 0.0, 2.0])], &[(3, &[1.0])]);
    let same = FloatHistogram {
        reset_hint: ResetHint::Gauge,
        ..exponential(
            1,
            (0.5, 2.0),
            &[(0, &[1.0]), (2, &[2.0, 0.0])],
            &[(1, &[0.0, 0.0, 1.0])],
        )
    };
    assert!(one.view().is_equal(&same.view()));
    let changes: [(&str, Change); 6] = [
        ("count", |histogram| histogram.count += 1.0),
        ("sum", |histogram| histogram.sum = f64::NAN),
        ("zero count", |histogram| histogram.zero_count = 1.0),
        ("positive", |histogram| histogram.positive[0] = 5.0),
        ("negative", |histogram| histogram.negative[0] = 5.0),
        ("threshold", |histogram| histogram.widen_zero_bucket(0.6)),
    ];
    for (what, change) in changes {
        let mut other = one.clone();
        change(&mut other);
        assert!(!one.view().is_equal(&other.view()), "{what}");
    }
    let nan = FloatHistogram {
        sum: f64::NAN,
        ..one.clone()
    };
    assert!(
        nan.view().is_equal(&HistogramView::from(&nan)),
        "the same bits are equal"
    );
}

#[test]
fn higher_schemas_are_reduced_when_received() {
    let mut histogram = IntegerHistogram {
        count: 3,
        positive: vec![1, 2],
        ..IntegerHistogram::empty(HistogramLayout {
            positive: vec![BucketSpan {
                offset: 1 << 20,
                length: 2,
            }],
            ..HistogramLayout::exponential(20, 0.0)
        })
    };
    assert!(histogram.validate().is_err());
    assert_eq!(histogram.reduce_for_storage(), Ok(()));
    assert_eq!(histogram.validate(), Ok(()));
    assert_eq!(
        histogram.to_float().to_test_notation(),
        "{{schema:8 count:3 offset:256 buckets:[1 2]}}"
    );
    let mut unknown = IntegerHistogram::empty(HistogramLayout::exponential(53, 0.0));
    assert!(unknown.reduce_for_storage().is_err());
}
