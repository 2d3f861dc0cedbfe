//! The notation of native histograms: `{{schema:1 sum:3 count:22 buckets:[5 10 7]}}`.

use moheng_metrics::histogram::{
    BucketSpan, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramLayout, ResetHint,
};

use super::points::parse_value;

/// Reads one histogram, braces included.
pub(super) fn parse_histogram(text: &str) -> Result<FloatHistogram, String> {
    let malformed = || format!("malformed histogram {text:?}");
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let mut rest = inner.ok_or_else(malformed)?.trim();
    let mut draft = Draft::default();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(malformed)?;
        let end = if after.starts_with('[') {
            after
                .find(']')
                .map(|position| position + 1)
                .ok_or_else(malformed)?
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        draft
            .set(key, &after[..end])
            .map_err(|message| format!("{message} in {text:?}"))?;
        rest = after[end..].trim_start();
    }
    Ok(draft.finish())
}

/// What was read so far.
#[derive(Default)]
struct Draft {
    layout: HistogramLayout,
    count: f64,
    sum: f64,
    zero_count: f64,
    positive: Vec<f64>,
    positive_offset: i32,
    negative: Vec<f64>,
    negative_offset: i32,
    reset_hint: ResetHint,
}

impl Draft {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let index = || value.parse().map_err(|_| format!("bad offset {value:?}"));
        match key {
            "schema" => self.layout.schema = value.parse().map_err(|_| format!("bad schema {value:?}"))?,
            "sum" => self.sum = parse_value(value)?,
            "count" => self.count = parse_value(value)?,
            "z_bucket" => self.zero_count = parse_value(value)?,
            "z_bucket_w" => self.layout.zero_threshold = parse_value(value)?,
            "buckets" => self.positive = parse_list(value)?,
            "offset" => self.positive_offset = index()?,
            "n_buckets" => self.negative = parse_list(value)?,
            "n_offset" => self.negative_offset = index()?,
            "custom_values" => {
                self.layout.schema = CUSTOM_BUCKETS_SCHEMA;
                self.layout.custom_bounds = parse_list(value)?;
            }
            "counter_reset_hint" => {
                self.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    _ => return Err(format!("bad counter_reset_hint {value:?}")),
                }
            }
            _ => return Err(format!("unknown field {key:?}")),
        }
        Ok(())
    }

    fn finish(self) -> FloatHistogram {
        let mut layout = self.layout;
        layout.positive = one_span(self.positive_offset, &self.positive);
        layout.negative = one_span(self.negative_offset, &self.negative);
        FloatHistogram {
            reset_hint: self.reset_hint,
            count: self.count,
            sum: self.sum,
            zero_count: self.zero_count,
            positive: self.positive,
            negative: self.negative,
            ..FloatHistogram::empty(layout)
        }
    }
}

fn one_span(offset: i32, buckets: &[f64]) -> Vec<BucketSpan> {
    let length = buckets.len() as u32;
    if length == 0 {
        return Vec::new();
    }
    vec![BucketSpan { offset, length }]
}

/// `[1 2 3]`
fn parse_list(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(|| format!("expected a list in brackets, got {text:?}"))?;
    inner.split_whitespace().map(parse_value).collect()
}
