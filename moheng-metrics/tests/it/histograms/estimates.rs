//! Quantiles, fractions, variances and trimming.

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::testing::HistogramSeries;
use proptest::prelude::*;

use super::{compacted, custom, exponential};

const INFINITY: f64 = f64::INFINITY;

fn is_near(one: f64, two: f64) -> bool {
    one == two
        || (one.is_nan() && two.is_nan())
        || (one - two).abs() <= 1e-9 * one.abs().max(two.abs()).max(1e-3)
}

/// Counters with observations on both sides, far enough along to have many buckets.
fn observed(seed: u64) -> FloatHistogram {
    let mut series = HistogramSeries::counter(seed);
    for _ in 0..20 {
        series.next_sample();
    }
    series.next_sample().to_float()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_ascend_and_fractions_undo_them(seed: u64, quantile in 0.0..=1.0_f64, step in 0.0..0.5_f64) {
        let histogram = observed(seed);
        let view = histogram.view();
        if histogram.count == 0.0 {
            prop_assert!(view.quantile(quantile).is_nan());
            return Ok(());
        }
        let value = view.quantile(quantile);
        let higher = view.quantile((quantile + step).min(1.0));
        prop_assert!(value <= higher || is_near(value, higher), "{value} > {higher}");
        prop_assert!(is_near(view.fraction(-INFINITY, INFINITY), 1.0));
        let below = view.fraction(-INFINITY, value);
        // In a gap between buckets many fractions lead to one value.
        prop_assert!(below <= quantile + 1e-6 || view.fraction(-INFINITY, value.next_down()) <= quantile + 1e-6);
        let parts = view.fraction(-INFINITY, 1.5) + view.fraction(1.5, INFINITY);
        prop_assert!((parts - 1.0).abs() < 1e-9, "{parts}");
    }

    #[test]
    fn what_is_trimmed_below_and_above_adds_up(seed: u64, limit in -30.0..3000.0_f64) {
        let histogram = observed(seed);
        let (mut below, mut above) = (histogram.clone(), histogram.clone());
        below.keep_below(limit);
        above.keep_above(limit);
        prop_assert!((below.count + above.count - histogram.count).abs() < 1e-6 * histogram.count.max(1.0));
        let fraction = histogram.view().fraction(-INFINITY, limit);
        if histogram.count > 0.0 {
            prop_assert!((below.count / histogram.count - fraction).abs() < 1e-6, "{}", below.count);
        }
        prop_assert!(below.validate().is_ok() && above.validate().is_ok());
    }
}

#[test]
fn quantiles_are_those_of_prometheus() {
    #[track_caller]
    fn check(histogram: &FloatHistogram, quantiles: &[(f64, f64)]) {
        for (quantile, expected) in quantiles {
            let found = histogram.view().quantile(*quantile);
            assert!(
                is_near(found, *expected),
                "quantile {quantile}: {found}, not {expected}"
            );
        }
    }
    let sides: &[(i32, &[f64])] = &[(0, &[2.0, 3.0, 0.0, 1.0, 4.0])];
    let zero = (0.001, 2.0);
    check(
        &exponential(0, zero, sides, &[]),
        &[
            (-0.1, -INFINITY),
            (1.001, INFINITY),
            (f64::NAN, f64::NAN),
            (1.0, 16.0),
            (0.9, 12.996_038_341_699_77),
            (0.5, 1.587_401_051_968_199_4),
            (1.0 / 12.0, 0.0005),
            (0.0, 0.0),
        ],
    );
    check(
        &exponential(0, zero, &[], sides),
        &[(0.99, -0.000_06), (0.5, -1.587_401_051_968_199_6), (0.0, -16.0)],
    );
    check(
        &exponential(0, (0.001, 4.0), sides, sides),
        &[
            (0.99, 15.348_225_909_204_23),
            (0.7, 1.203_025_036_082_116_4),
            (0.5, 0.0),
            (0.3, -1.203_025_036_082_116_9),
            (0.01, -15.348_225_909_204_23),
        ],
    );
    let even: &[(i32, &[f64])] = &[(0, &[1.0, 2.0, 1.0])];
    check(&exponential(0, (0.0, 0.0), even, even), &[(0.5, 0.5)]);
    check(&exponential(0, (0.0, 0.0), &[], &[]), &[(0.5, f64::NAN)]);
    check(
        &exponential(0, (0.0, 0.0), &[(1025, &[1.0])], &[]),
        &[(0.5, INFINITY)],
    );
    check(
        &custom(&[5.0, 10.0], &[1.0, 2.0, 1.0]),
        &[(0.5, 7.5), (0.1, 2.0), (0.9, 10.0)],
    );
    check(
        &custom(&[-5.0, 10.0], &[2.0, 1.0, 1.0]),
        &[(0.1, -5.0), (0.75, 10.0)],
    );
    let nan = FloatHistogram {
        count: 15.0,
        sum: f64::NAN,
        ..exponential(0, (0.0, 0.0), &[(0, &[12.0])], &[])
    };
    check(&nan, &[(0.81, f64::NAN), (0.8, 1.0), (0.4, 0.5_f64.sqrt())]);
}

#[track_caller]
fn check_fractions(histogram: &FloatHistogram, fractions: &[(f64, f64, f64)]) {
    for (lower, upper, expected) in fractions {
        let found = histogram.view().fraction(*lower, *upper);
        assert!(
            is_near(found, *expected),
            "fraction from {lower} to {upper}: {found}, not {expected}"
        );
    }
}

#[test]
fn fractions_are_those_of_prometheus() {
    let sides: &[(i32, &[f64])] = &[(0, &[2.0, 3.0, 0.0, 1.0, 4.0])];
    check_fractions(
        &exponential(0, (0.001, 2.0), sides, &[]),
        &[
            (0.0, INFINITY, 1.0),
            (-0.001, 0.0, 0.0),
            (0.0, 0.0005, 1.0 / 12.0),
            (1.5, 2.0, 0.103_759_374_819_710_91),
            (0.0, 6.0, 0.632_080_208_393_429_7),
            (-2.0, -1.0, 0.0),
            (42.0, 42.0, 0.0),
            (3.0, 2.0, 0.0),
            (3.0, f64::NAN, f64::NAN),
        ],
    );
    check_fractions(
        &exponential(0, (0.001, 4.0), sides, sides),
        &[
            (-0.0005, 0.0005, 1.0 / 12.0),
            (-6.0, -1.5, 0.076_253_124_939_903_62),
            (0.0, INFINITY, 0.5),
        ],
    );
}

#[test]
fn fractions_of_custom_buckets_are_those_of_prometheus() {
    check_fractions(
        &custom(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 94.0]),
        &[
            (0.0, 1.5, 0.02),
            (-INFINITY, INFINITY, 1.0),
            (4.0, 5.0, 0.0),
            (2.0, 5.0, 0.03),
            (400.0, INFINITY, 0.94),
            (0.5, 2.0, 0.025),
            (-10.0, -5.0, 0.0),
        ],
    );
    check_fractions(
        &custom(&[-3.0, -2.0, -1.0], &[10.0, 2.0, 3.0, 85.0]),
        &[
            (-4.0, -2.0, 0.02),
            (-INFINITY, -1.5, 0.135),
            (-INFINITY, INFINITY, 1.0),
            (0.0, 1.0, 0.0),
        ],
    );
    check_fractions(&custom(&[], &[100.0]), &[(0.0, 1.0, 0.0)]);
    check_fractions(
        &exponential(0, (0.0, 0.0), &[], &[]),
        &[(-INFINITY, INFINITY, f64::NAN)],
    );
    let nan = FloatHistogram {
        count: 15.0,
        sum: f64::NAN,
        ..exponential(0, (0.0, 0.0), &[(0, &[12.0])], &[])
    };
    check_fractions(
        &nan,
        &[(-INFINITY, 0.5_f64.sqrt(), 0.4), (-INFINITY, INFINITY, 0.8)],
    );
}

#[test]
fn variances_are_those_of_prometheus() {
    #[track_caller]
    fn check(histogram: FloatHistogram, sum: f64, expected: f64) {
        let histogram = FloatHistogram { sum, ..histogram };
        let found = histogram.view().variance();
        assert!(is_near(found, expected), "{found}, not {expected}");
    }
    let low = || exponential(2, (0.0, 0.0), &[(0, &[1.0]), (4, &[1.0]), (7, &[1.0, 1.0])], &[]);
    check(low(), 10.0, 1.163_807_968_526_718);
    check(
        exponential(8, (0.0, 0.0), &[(0, &[1.0, 2.0, 3.0, 4.0])], &[]),
        10.0,
        2.397_112_337_013_944_7e-5,
    );
    let negative: &[(i32, &[f64])] = &[
        (2, &[1.0, 1.0, 1.0]),
        (6, &[1.0, 1.0]),
        (10, &[3.0]),
        (14, &[1.0]),
        (17, &[1.0]),
    ];
    check(
        exponential(0, (0.0, 0.0), &[], negative),
        -112_946.0,
        759_352_122.193_994_5,
    );
    check(low(), f64::NAN, f64::NAN);
    check(low(), INFINITY, INFINITY);
    check(
        custom(&[0.0, 0.1, 0.2, 1.0], &[0.0, 50.0, 20.0, 40.0]),
        330.0,
        7.527_045_454_545_455,
    );
}

#[track_caller]
fn check_trimming(histogram: &FloatHistogram, above: bool, limit: f64, expected: (f64, f64)) {
    let mut trimmed = histogram.clone();
    if above {
        trimmed.keep_above(limit);
    } else {
        trimmed.keep_below(limit);
    }
    let (count, sum) = expected;
    let found = (trimmed.count, trimmed.sum);
    let is_right = is_near(trimmed.count, count) && is_near(trimmed.sum, sum);
    assert!(is_right, "{above} {limit}: {found:?}, not {expected:?}");
    let buckets: f64 = trimmed.buckets().map(|bucket| bucket.count).sum();
    assert!(is_near(buckets, count), "{above} {limit}: buckets hold {buckets}");
    assert_eq!(
        trimmed,
        compacted(&trimmed),
        "{above} {limit}: empty buckets are left"
    );
}

#[test]
fn trimming_is_that_of_prometheus() {
    let check = |histogram: &FloatHistogram, sum: f64, above, limit, expected| {
        let histogram = FloatHistogram {
            sum,
            ..histogram.clone()
        };
        check_trimming(&histogram, above, limit, expected);
    };
    let signed = exponential(
        0,
        (0.001, 1.0),
        &[(0, &[2.0, 4.0, 8.0, 16.0])],
        &[(0, &[1.0, 2.0])],
    );
    check(&signed, 123.75, true, -INFINITY, (34.0, 123.75));
    check(&signed, 123.75, true, INFINITY, (0.0, 0.0));
    check(&signed, 123.75, true, 0.0, (30.5, 120.208_402_801_713_08));
    check(
        &signed,
        123.75,
        false,
        2.0_f64.sqrt(),
        (8.0, 0.257_093_886_365_357),
    );
    check(&signed, 123.75, true, -1.0, (32.0, 119.501_046_020_526_53));
    check(&signed, 123.75, false, f64::NAN, (0.0, 0.0));
    let fine = exponential(
        2,
        (0.001, 1.0),
        &[(0, &[1.0, 2.0, 4.0, 7.0, 3.0])],
        &[(0, &[1.0, 5.0, 3.0, 1.0])],
    );
    check(
        &fine,
        12.8,
        false,
        1.13,
        (13.410_582_181_123_704, -9.385_798_726_068_233),
    );
    check(
        &fine,
        12.8,
        true,
        -1.3,
        (25.542_139_479_044_76, 16.295_884_912_175_37),
    );
    let positive = exponential(0, (0.5, 2.0), &[(0, &[10.0])], &[]);
    check(&positive, 8.0, true, 0.5, (10.0, 7.071_067_811_865_475_5));
    check(&positive, 8.0, true, 0.0, (12.0, 8.0));
    check(&positive, 8.0, false, 0.1, (0.4, 0.02));
    let zero = exponential(0, (0.1, 5.0), &[], &[]);
    check(&zero, 0.0, true, 0.05, (1.25, 0.093_75));
    check(&zero, 0.0, true, 0.0, (2.5, 0.125));
    check(&zero, 0.0, true, -0.05, (3.75, 0.093_75));
    check(&zero, 0.0, false, -0.1, (0.0, 0.0));
}

#[test]
fn trimming_of_custom_buckets_is_that_of_prometheus() {
    let check = |bounds: &[f64], counts: &[f64], above, limit, expected| {
        let histogram = FloatHistogram {
            sum: 33.0,
            ..compacted(&custom(bounds, counts))
        };
        check_trimming(&histogram, above, limit, expected);
    };
    let (bounds, counts): (&[f64], &[f64]) = (&[5.0, 10.0, 15.0, 20.0], &[1.0, 6.0, 4.0, 3.0, 1.0]);
    check(bounds, counts, false, 15.0, (11.0, 97.5));
    check(bounds, counts, false, 13.0, (9.4, 75.1));
    check(bounds, counts, false, 7.5, (4.0, 21.25));
    check(bounds, counts, false, -INFINITY, (0.0, 0.0));
    check(bounds, counts, false, INFINITY, (15.0, 33.0));
    check(bounds, counts, true, 0.0, (15.0, 33.0));
    check(bounds, counts, true, 13.0, (5.6, 1.6 * 14.0 + 3.0 * 17.5 + 20.0));
    check(&[-10.0, 5.0], &[2.0, 1.0, 9.0], false, 2.0, (2.8, -23.2));
    check(&[-10.0, 5.0], &[2.0, 1.0, 9.0], false, -15.0, (2.0, -30.0));
    check(&[], &[100.0], true, 10.0, (0.0, 0.0));
    check(&[], &[100.0], true, INFINITY, (0.0, 0.0));
    check(&[], &[100.0], false, -INFINITY, (0.0, 0.0));
    check(&[0.0], &[1.0, 100.0], false, 0.0, (1.0, 0.0));
    check(&[0.0], &[1.0, 100.0], true, -10.0, (100.0, 0.0));
    check(&[0.0], &[1.0, 100.0], true, 10.0, (100.0, 1000.0));
    check(&[5.0], &[1.0, 100.0], false, 2.0, (0.4, 0.4));
    check(&[5.0], &[1.0, 100.0], false, -10.0, (0.0, 0.0));
    check(&[5.0], &[1.0, 100.0], true, 0.0, (101.0, 33.0));
    check(&[-5.0], &[1.0, 100.0], false, 0.0, (1.0, -5.0));
    check(&[-5.0], &[1.0, 100.0], false, -10.0, (1.0, -10.0));
    check(&[-5.0], &[1.0, 100.0], true, -2.0, (100.0, -200.0));
}
