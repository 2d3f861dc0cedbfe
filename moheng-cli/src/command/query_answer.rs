//! Reads what a server answered to a query.

use std::sync::Arc;

use moheng_metrics::{Labels, Sample, parse_float};
use moheng_promql::{HistogramSample, InstantSample, QueryValue, RangeSeries, SampleValue};
use serde::Deserialize;
use serde_json::Value;

use super::answered_histogram::AnsweredHistogram;

/// A successful answer.
#[derive(Deserialize)]
struct Envelope {
    data: Data,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

/// The value in an answer, and the notes to it. `None` when the answer is not one of a Prometheus-compatible server.
pub(super) fn parse_answer(body: &[u8]) -> Option<(QueryValue, Vec<String>)> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    let notes = [envelope.warnings, envelope.infos].concat();
    let result = envelope.data.result;
    let value = match envelope.data.kind.as_str() {
        "scalar" => QueryValue::Scalar(sample(&result)?),
        "string" => QueryValue::String {
            timestamp_ms: timestamp_ms(result.get(0)?)?,
            value: result.get(1)?.as_str()?.to_owned(),
        },
        "vector" => QueryValue::Vector(
            result
                .as_array()?
                .iter()
                .map(|series| {
                    let (timestamp_ms, value) = if let Some(pair) = series.get("histogram") {
                        let sample = histogram_sample(pair)?;
                        (sample.timestamp_ms, SampleValue::Histogram(sample.histogram))
                    } else {
                        let sample = sample(series.get("value")?)?;
                        (sample.timestamp_ms, SampleValue::Float(sample.value))
                    };
                    Some(InstantSample {
                        labels: labels(series)?,
                        timestamp_ms,
                        value,
                    })
                })
                .collect::<Option<_>>()?,
        ),
        "matrix" => QueryValue::Matrix(
            result
                .as_array()?
                .iter()
                .map(|series| {
                    let samples = list(series, "values")?.iter().map(sample);
                    let histograms = list(series, "histograms")?.iter().map(histogram_sample);
                    Some(RangeSeries {
                        labels: labels(series)?,
                        samples: samples.collect::<Option<_>>()?,
                        histograms: histograms.collect::<Option<_>>()?,
                    })
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    };
    Some((value, notes))
}

fn labels(series: &Value) -> Option<Labels> {
    let pairs = series.get("metric")?.as_object()?;
    Some(Labels::from_pairs(
        pairs
            .iter()
            .map(|(name, value)| (name, value.as_str().unwrap_or_default())),
    ))
}

fn sample(pair: &Value) -> Option<Sample> {
    Some(Sample {
        timestamp_ms: timestamp_ms(pair.get(0)?)?,
        value: parse_float(pair.get(1)?.as_str()?)?,
    })
}

/// A list that is left out when it is empty.
fn list<'v>(series: &'v Value, name: &str) -> Option<&'v [Value]> {
    match series.get(name) {
        Some(list) => list.as_array().map(Vec::as_slice),
        None => Some(&[]),
    }
}

/// `[1700000000.5,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}]`
fn histogram_sample(pair: &Value) -> Option<HistogramSample> {
    let number = |value: &Value| parse_float(value.as_str()?);
    let histogram = pair.get(1)?;
    let mut read = AnsweredHistogram {
        count: number(histogram.get("count")?)?,
        sum: number(histogram.get("sum")?)?,
        buckets: Vec::new(),
    };
    for bucket in list(histogram, "buckets")? {
        let [rule, lower, upper, count] = bucket.as_array()?.as_slice() else {
            return None;
        };
        read.buckets
            .push((rule.as_u64()?, number(lower)?, number(upper)?, number(count)?));
    }
    Some(HistogramSample {
        timestamp_ms: timestamp_ms(pair.get(0)?)?,
        histogram: Arc::new(read.into_histogram()?),
    })
}

fn timestamp_ms(seconds: &Value) -> Option<i64> {
    Some((seconds.as_f64()? * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_writes_is_read_back() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
        let sample = Sample {
            timestamp_ms: 1_795_380_653_603,
            value: 0.1,
        };
        for value in [
            QueryValue::Scalar(sample),
            QueryValue::String {
                timestamp_ms: 1,
                value: "x\n".to_owned(),
            },
            QueryValue::Vector(vec![InstantSample {
                labels: labels.clone(),
                timestamp_ms: sample.timestamp_ms,
                value: SampleValue::Float(sample.value),
            }]),
            QueryValue::Matrix(vec![RangeSeries {
                labels,
                samples: vec![sample, sample],
                histograms: Vec::new(),
            }]),
        ] {
            let data = crate::http::query_data_json(value.clone());
            let body = format!(r#"{{"status":"success","data":{data},"warnings":["w"]}}"#);
            let (read, notes) = parse_answer(body.as_bytes()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{value:?}"));
            assert_eq!(notes, ["w"]);
        }
        assert!(parse_answer(b"<html>").is_none());
        assert!(parse_answer(br#"{"data":{"resultType":"x","result":[]}}"#).is_none());
    }
}
