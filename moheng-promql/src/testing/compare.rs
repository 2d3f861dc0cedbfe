//! Comparing a result with what a script expects.

use std::fmt::{self, Display, Formatter};

use moheng_metrics::histogram::{FloatHistogram, ResetHint};
use moheng_metrics::{Labels, is_stale_nan};

use super::points::Point;
use super::script::{Eval, ExpectedSeries};
use crate::{InstantSample, QueryValue, RangeSeries, SampleValue};

const RELATIVE_TOLERANCE: f64 = 1e-6;

/// Whether two values are the same but for rounding.
pub(super) fn is_almost_equal(left: f64, right: f64) -> bool {
    if is_stale_nan(left) || is_stale_nan(right) {
        return is_stale_nan(left) && is_stale_nan(right);
    }
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    if left == 0.0 || right == 0.0 {
        return (left - right).abs() < RELATIVE_TOLERANCE * f64::MIN_POSITIVE;
    }
    (left - right).abs() / (left.abs() + right.abs()).min(f64::MAX) < RELATIVE_TOLERANCE
}

/// Compares the value of an instant query.
pub(super) fn compare_instant(eval: &Eval, value: &QueryValue, is_ordered: bool) -> Result<(), String> {
    match (value, eval.scalar) {
        (QueryValue::Scalar(sample), Some(expected)) if is_almost_equal(sample.value, expected) => Ok(()),
        (QueryValue::Scalar(sample), expected) => {
            Err(format!("expected {expected:?}, got the scalar {}", sample.value))
        }
        (QueryValue::Vector(elements), None) => compare_vector(&eval.series, elements, is_ordered),
        (other, _) => Err(format!("unexpected kind of result: {other:?}")),
    }
}

fn compare_vector(
    expected: &[ExpectedSeries],
    found: &[InstantSample],
    is_ordered: bool,
) -> Result<(), String> {
    for (index, element) in found.iter().enumerate() {
        let position = expected.iter().position(|series| series.labels == element.labels);
        let Some(position) = position else {
            return Err(format!(
                "unexpected element {} {}",
                element.labels,
                Got::of(&element.value)
            ));
        };
        if is_ordered && position != index {
            return Err(format!(
                "element {} is at {index}, expected at {position}",
                element.labels
            ));
        }
        compare_point(
            &element.labels,
            expected[position].points.first(),
            Some(Got::of(&element.value)),
        )?;
    }
    let is_missing = |series: &&ExpectedSeries| !found.iter().any(|element| element.labels == series.labels);
    match expected.iter().find(is_missing) {
        Some(series) => Err(format!("missing element {} {:?}", series.labels, series.points)),
        None => Ok(()),
    }
}

/// Compares a matrix with points at the times `start_ms`, `start_ms + step_ms`, …
pub(super) fn compare_matrix(
    expected: &[ExpectedSeries],
    found: &[RangeSeries],
    start_ms: i64,
    step_ms: i64,
) -> Result<(), String> {
    if !found.is_sorted_by(|left, right| left.labels < right.labels) {
        return Err("the matrix is not sorted by labels".to_owned());
    }
    for series in found {
        let Some(wanted) = expected.iter().find(|wanted| wanted.labels == series.labels) else {
            return Err(format!(
                "unexpected series {} {:?} {:?}",
                series.labels, series.samples, series.histograms
            ));
        };
        compare_points(&wanted.points, series, start_ms, step_ms)?;
    }
    let has_points =
        |series: &&ExpectedSeries| series.points.iter().any(|point| !matches!(point, Point::Missing));
    let is_missing = |series: &&ExpectedSeries| !found.iter().any(|other| other.labels == series.labels);
    match expected.iter().filter(has_points).find(is_missing) {
        Some(series) => Err(format!("missing series {} {:?}", series.labels, series.points)),
        None => Ok(()),
    }
}

fn compare_points(points: &[Point], series: &RangeSeries, start_ms: i64, step_ms: i64) -> Result<(), String> {
    let labels = &series.labels;
    for (index, point) in points.iter().enumerate() {
        let time_ms = start_ms + index as i64 * step_ms;
        let found = Got::at(series, time_ms);
        if *point == Point::Missing && found.is_none() {
            continue;
        }
        compare_point(labels, Some(point), found).map_err(|message| format!("at {time_ms} ms: {message}"))?;
    }
    let end_ms = start_ms + points.len() as i64 * step_ms;
    let floats = series.samples.iter().map(|sample| sample.timestamp_ms);
    let mut times = floats.chain(series.histograms.iter().map(|sample| sample.timestamp_ms));
    match times.find(|time_ms| *time_ms >= end_ms) {
        Some(time_ms) => Err(format!("unexpected sample of {labels} at {time_ms} ms")),
        None => Ok(()),
    }
}

/// A value that was got.
#[derive(Clone, Copy, Debug)]
enum Got<'g> {
    Float(f64),
    Histogram(&'g FloatHistogram),
}

impl<'g> Got<'g> {
    fn of(value: &'g SampleValue) -> Self {
        match value {
            SampleValue::Float(value) => Self::Float(*value),
            SampleValue::Histogram(histogram) => Self::Histogram(histogram),
        }
    }

    fn at(series: &'g RangeSeries, time_ms: i64) -> Option<Self> {
        let float = series
            .samples
            .iter()
            .find(|sample| sample.timestamp_ms == time_ms);
        let histogram = series
            .histograms
            .iter()
            .find(|sample| sample.timestamp_ms == time_ms);
        let float = float.map(|sample| Self::Float(sample.value));
        float.or_else(|| histogram.map(|sample| Self::Histogram(&sample.histogram)))
    }
}

impl Display for Got<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) => write!(f, "{value}"),
            Self::Histogram(histogram) => f.write_str(&histogram.to_test_notation()),
        }
    }
}

fn compare_point(labels: &Labels, expected: Option<&Point>, found: Option<Got<'_>>) -> Result<(), String> {
    match (expected, found) {
        (Some(Point::Float(expected)), Some(Got::Float(found))) if is_almost_equal(*expected, found) => {
            Ok(())
        }
        (Some(Point::Histogram(expected)), Some(Got::Histogram(found))) => {
            if is_almost_equal_histogram(expected, found) {
                return Ok(());
            }
            Err(format!(
                "{labels}: expected {}, got {}",
                expected.to_test_notation(),
                found.to_test_notation()
            ))
        }
        (expected, Some(found)) => Err(format!("{labels}: expected {expected:?}, got {found}")),
        (expected, None) => Err(format!("{labels}: expected {expected:?}, got nothing")),
    }
}

/// Whether two histograms are the same but for rounding and empty buckets. What is known of resets is compared where the
/// script says something about it.
fn is_almost_equal_histogram(expected: &FloatHistogram, found: &FloatHistogram) -> bool {
    let (mut expected, mut found) = (expected.clone(), found.clone());
    expected.compact(0);
    found.compact(0);
    let are_almost_equal = |left: &[f64], right: &[f64]| {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| is_almost_equal(*left, *right))
    };
    let (ours, theirs) = (&expected.layout, &found.layout);
    ours.schema == theirs.schema
        && ours.zero_threshold == theirs.zero_threshold
        && ours.positive == theirs.positive
        && ours.negative == theirs.negative
        && are_almost_equal(&ours.custom_bounds, &theirs.custom_bounds)
        && is_almost_equal(expected.count, found.count)
        && is_almost_equal(expected.sum, found.sum)
        && is_almost_equal(expected.zero_count, found.zero_count)
        && are_almost_equal(&expected.positive, &found.positive)
        && are_almost_equal(&expected.negative, &found.negative)
        && (expected.reset_hint == ResetHint::Unknown || expected.reset_hint == found.reset_hint)
}
