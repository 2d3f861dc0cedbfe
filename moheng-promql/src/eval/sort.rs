//! `sort`, `sort_desc` and their kin by labels, which order the elements of instant queries.

use std::cmp::Ordering;

use super::call::{argument, string_argument};
use super::grid::Grid;
use super::{Evaluator, Sink, emit};
use crate::ast::{CallExpr, Span};
use crate::error::QueryError;

impl Evaluator<'_> {
    pub(super) fn stream_sort(
        &self,
        call: &CallExpr,
        is_descending: bool,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let argument = argument(call, 0)?;
        if self.sorts_in_vain(span) {
            return self.stream(argument, grid, &mut |element, column| {
                column.drop_histograms();
                if column.is_empty() {
                    return Ok(());
                }
                sink(element, column)
            });
        }
        let mut set = self.collect(argument, grid)?;
        for (_, column) in &mut set.rows {
            column.drop_histograms();
        }
        set.rows.sort_by(|(_, left), (_, right)| {
            let value = |column: &super::Column| column.get(0).unwrap_or(f64::NAN);
            compare_nan_last(value(left), value(right), is_descending)
        });
        emit(set, sink)
    }

    pub(super) fn stream_sort_by_label(
        &self,
        call: &CallExpr,
        is_descending: bool,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let vector = argument(call, 0)?;
        if self.sorts_in_vain(span) {
            return self.stream(vector, grid, sink);
        }
        let names = (1..call.arguments.len())
            .map(|index| string_argument(call, index))
            .collect::<Result<Vec<_>, _>>()?;
        let mut set = self.collect(vector, grid)?;
        set.rows.sort_by(|(left, _), (right, _)| {
            let by_names = names.iter().map(|name| {
                let value =
                    |element: &super::Element| element.labels.get(name).unwrap_or_default().to_owned();
                compare_naturally(&value(left), &value(right))
            });
            let order = by_names
                .fold(Ordering::Equal, Ordering::then)
                .then_with(|| left.labels.cmp(&right.labels));
            if is_descending { order.reverse() } else { order }
        });
        emit(set, sink)
    }

    /// Range queries are always ordered by labels.
    fn sorts_in_vain(&self, span: Span) -> bool {
        let is_range = self.query.end_ms != self.query.start_ms;
        if is_range {
            let message = "sort is ineffective for range queries since results are always ordered by labels";
            self.warn(span, message);
        }
        is_range
    }
}

/// Compares values with `NaN` behind all others in either direction.
pub(crate) fn compare_nan_last(left: f64, right: f64, is_descending: bool) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
            if is_descending { order.reverse() } else { order }
        }
    }
}

/// Compares texts with runs of digits by their number: `cpu9` before `cpu10`.
fn compare_naturally(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let (Some(first), Some(second)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len());
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (a, after_a) = split_number(left);
            let (b, after_b) = split_number(right);
            let order = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
            if order.is_ne() {
                return order;
            }
            (left, right) = (after_a, after_b);
        } else {
            let order = first.cmp(second);
            if order.is_ne() {
                return order;
            }
            (left, right) = (&left[1..], &right[1..]);
        }
    }
}

/// The leading digits without leading zeros, and the rest.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let start = text[..end].iter().position(|byte| *byte != b'0').unwrap_or(end);
    (&text[start..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let ordered = ["", "a", "a1", "a02", "a9", "a10", "a10b", "b"];
        for (index, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                assert_eq!(
                    compare_naturally(left, right),
                    index.cmp(&other),
                    "{left} {right}"
                );
            }
        }
    }
}
