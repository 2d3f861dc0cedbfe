//! Aligned columns for people.

use super::rows::Rows;

pub(super) fn write(rows: &Rows) -> String {
    if rows.fields.is_empty() {
        return "no result\n".to_owned();
    }
    let shows = |name: &str| rows.is_range || name != "time";
    let columns: Vec<usize> = (0..rows.header.len())
        .filter(|&column| rows.header.get(column).is_some_and(|name| shows(name)))
        .collect();
    let select = |row: &Vec<String>| -> Vec<String> {
        columns
            .iter()
            .filter_map(|&column| row.get(column).cloned())
            .collect()
    };
    align(
        &select(&rows.header),
        &rows.fields.iter().map(select).collect::<Vec<_>>(),
    )
}

/// Columns under a header; the last one is a number and aligned to the right.
pub(crate) fn align(header: &[String], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|field| printable(field)).collect())
        .collect();
    let width_of = |column: usize| {
        let fields = rows.iter().filter_map(|row| row.get(column));
        fields
            .map(|field| field.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width_of).collect();
    let mut text = String::new();
    for row in &rows {
        for (column, (field, width)) in row.iter().zip(&widths).enumerate() {
            if column > 0 {
                text.push_str("  ");
            }
            let padding = " ".repeat(width - field.chars().count());
            if column + 1 == widths.len() {
                text.push_str(&padding);
                text.push_str(field);
            } else {
                text.push_str(field);
                text.push_str(&padding);
            }
        }
        text.push('\n');
    }
    text
}

/// Escapes control characters, so that no label value can command the terminal.
fn printable(field: &str) -> String {
    if field.chars().any(char::is_control) {
        field.escape_debug().to_string()
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::{Labels, Sample};
    use moheng_promql::{InstantSample, QueryValue, RangeSeries, SampleValue};

    use super::*;

    fn sample(timestamp_ms: i64, value: f64) -> Sample {
        Sample { timestamp_ms, value }
    }

    #[track_caller]
    fn check(value: QueryValue, expected: &str) {
        assert_eq!(write(&Rows::new(value)), expected);
    }

    #[test]
    fn tables() {
        check(QueryValue::Vector(Vec::new()), "no result\n");
        check(QueryValue::Scalar(sample(0, 2.5)), "value\n  2.5\n");
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        check(
            QueryValue::Vector(vec![
                InstantSample {
                    labels: set(&[("__name__", "up"), ("Job", "a")]),
                    timestamp_ms: 0,
                    value: SampleValue::Float(1.0),
                },
                InstantSample {
                    labels: set(&[("__name__", "up"), ("x", "\u{1b}[1m")]),
                    timestamp_ms: 0,
                    value: SampleValue::Float(10.0),
                },
            ]),
            "__name__  Job  x          value\nup        a                   1\nup             \\u{1b}[1m     10\n",
        );
        check(
            QueryValue::Matrix(vec![RangeSeries {
                labels: set(&[("mode", "idle")]),
                samples: vec![sample(1_000, 1.0), sample(2_000, 2.0)],
                histograms: Vec::new(),
            }]),
            "mode  time                      value\n\
             idle  1970-01-01T00:00:01.000Z      1\n\
             idle  1970-01-01T00:00:02.000Z      2\n",
        );
    }
}
