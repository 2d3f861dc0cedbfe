//! A result as rows of text: a column per label, the time, the value.

use std::collections::BTreeSet;

use moheng_metrics::{Labels, METRIC_NAME, Sample, format_json_float};
use moheng_promql::{QueryValue, RangeSeries, SampleValue};

use crate::time::format_time;

/// Rows of fields below a header.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) header: Vec<String>,
    pub(super) fields: Vec<Vec<String>>,
    /// Whether the rows differ in time, so that it is worth showing to people.
    pub(super) is_range: bool,
}

impl Rows {
    pub(super) fn new(value: QueryValue) -> Self {
        match value {
            QueryValue::Scalar(sample) => Self::of_series(&[(Labels::empty(), vec![cell(sample)])], false),
            QueryValue::String { timestamp_ms, value } => Self {
                header: vec!["time".to_owned(), "value".to_owned()],
                fields: vec![vec![format_time(timestamp_ms), value]],
                is_range: false,
            },
            QueryValue::Vector(samples) => {
                let series = samples.into_iter().map(|item| {
                    let text = match item.value {
                        SampleValue::Float(value) => number(value),
                        SampleValue::Histogram(histogram) => histogram.to_string(),
                    };
                    (item.labels, vec![(item.timestamp_ms, text)])
                });
                Self::of_series(&series.collect::<Vec<_>>(), false)
            }
            QueryValue::Matrix(series) => {
                let series = series.into_iter().map(|item| (item.labels.clone(), cells(item)));
                Self::of_series(&series.collect::<Vec<_>>(), true)
            }
            // A kind of value that was added to the engine and not here.
            other => Self {
                header: vec!["value".to_owned()],
                fields: vec![vec![format!("{other:?}")]],
                is_range: false,
            },
        }
    }

    fn of_series(series: &[(Labels, Vec<Cell>)], is_range: bool) -> Self {
        let names: BTreeSet<&str> = series
            .iter()
            .flat_map(|(labels, _)| labels.iter().map(|(name, _)| name))
            .collect();
        // The metric name first: `__name__` sorts before lower case, but not before upper case.
        let has_name = names.contains(METRIC_NAME);
        let names: Vec<&str> = has_name
            .then_some(METRIC_NAME)
            .into_iter()
            .chain(names.iter().copied().filter(|name| *name != METRIC_NAME))
            .collect();
        let mut fields = Vec::new();
        for (labels, samples) in series {
            let values: Vec<&str> = names
                .iter()
                .map(|name| labels.get(name).unwrap_or_default())
                .collect();
            for (timestamp_ms, value) in samples {
                let mut row: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
                row.push(format_time(*timestamp_ms));
                row.push(value.clone());
                fields.push(row);
            }
        }
        let header = names
            .into_iter()
            .chain(["time", "value"])
            .map(str::to_owned)
            .collect();
        Self {
            header,
            fields,
            is_range,
        }
    }
}

/// A time in milliseconds and the text of a value.
type Cell = (i64, String);

fn cell(sample: Sample) -> Cell {
    (sample.timestamp_ms, number(sample.value))
}

/// All samples of a series, ascending by time.
fn cells(series: RangeSeries) -> Vec<Cell> {
    let mut cells: Vec<Cell> = series.samples.into_iter().map(cell).collect();
    if !series.histograms.is_empty() {
        let histograms = series.histograms.into_iter();
        cells.extend(histograms.map(|sample| (sample.timestamp_ms, sample.histogram.to_string())));
        cells.sort_by_key(|(timestamp_ms, _)| *timestamp_ms);
    }
    cells
}

fn number(value: f64) -> String {
    let mut text = String::new();
    format_json_float(value, &mut text);
    text
}
