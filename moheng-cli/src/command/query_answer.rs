//! Reads what a server answered to a query.

use moheng_metrics::{Labels, Sample, parse_float};
use moheng_promql::{InstantSample, QueryValue, RangeSeries};
use serde::Deserialize;
use serde_json::Value;

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
                    Some(InstantSample {
                        labels: labels(series)?,
                        sample: sample(series.get("value")?)?,
                    })
                })
                .collect::<Option<_>>()?,
        ),
        "matrix" => QueryValue::Matrix(
            result
                .as_array()?
                .iter()
                .map(|series| {
                    let samples = series.get("values")?.as_array()?.iter().map(sample);
                    Some(RangeSeries {
                        labels: labels(series)?,
                        samples: samples.collect::<Option<_>>()?,
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
                sample,
            }]),
            QueryValue::Matrix(vec![RangeSeries {
                labels,
                samples: vec![sample, sample],
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
