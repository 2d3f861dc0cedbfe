//! Comparing a result with what a script expects.

use moheng_metrics::{Labels, Sample, is_stale_nan};

use super::points::Point;
use super::script::{Eval, ExpectedSeries};
use crate::{InstantSample, QueryValue, RangeSeries};

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
                element.labels, element.sample.value
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
            Some(element.sample.value),
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
                "unexpected series {} {:?}",
                series.labels, series.samples
            ));
        };
        compare_points(&series.labels, &wanted.points, &series.samples, start_ms, step_ms)?;
    }
    let has_points =
        |series: &&ExpectedSeries| series.points.iter().any(|point| !matches!(point, Point::Missing));
    let is_missing = |series: &&ExpectedSeries| !found.iter().any(|other| other.labels == series.labels);
    match expected.iter().filter(has_points).find(is_missing) {
        Some(series) => Err(format!("missing series {} {:?}", series.labels, series.points)),
        None => Ok(()),
    }
}

fn compare_points(
    labels: &Labels,
    points: &[Point],
    samples: &[Sample],
    start_ms: i64,
    step_ms: i64,
) -> Result<(), String> {
    for (index, point) in points.iter().enumerate() {
        let time_ms = start_ms + index as i64 * step_ms;
        let found = samples.iter().find(|sample| sample.timestamp_ms == time_ms);
        if *point == Point::Missing && found.is_none() {
            continue;
        }
        compare_point(labels, Some(point), found.map(|sample| sample.value))
            .map_err(|message| format!("at {time_ms} ms: {message}"))?;
    }
    let end_ms = start_ms + points.len() as i64 * step_ms;
    match samples.iter().find(|sample| sample.timestamp_ms >= end_ms) {
        Some(sample) => Err(format!("unexpected sample of {labels}: {sample:?}")),
        None => Ok(()),
    }
}

fn compare_point(labels: &Labels, expected: Option<&Point>, found: Option<f64>) -> Result<(), String> {
    match (expected, found) {
        (Some(Point::Float(expected)), Some(found)) if is_almost_equal(*expected, found) => Ok(()),
        (expected, found) => Err(format!("{labels}: expected {expected:?}, got {found:?}")),
    }
}
