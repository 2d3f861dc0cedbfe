//! The JSON of the HTTP API, written piece by piece straight from the results.

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{Labels, Sample, format_json_float};
use moheng_promql::{Annotations, HistogramSample, QueryValue, RangeSeries, SampleValue};

use super::time_texts::TimeTexts;
use crate::http::{Pages, push_json_string};

/// How many samples of a series are written in one piece.
const SAMPLES_PER_PIECE: usize = 2_000;
/// How many histograms of a series are written in one piece.
const HISTOGRAMS_PER_PIECE: usize = 100;
/// Floats hold all integers up to this one.
const LARGEST_EXACT_INTEGER: u64 = 1 << 53;

/// `{"status":"success","data":DATA}` with the annotations, where DATA is what `data` writes.
pub(super) fn success(mut data: Pages, annotations: Annotations) -> Pages {
    let mut stage = Stage::Head;
    Box::new(move |out| {
        match stage {
            Stage::Head => {
                out.push_str(r#"{"status":"success","data":"#);
                stage = Stage::Data;
            }
            Stage::Data => {
                if !data(out) {
                    stage = Stage::Tail;
                }
            }
            Stage::Tail => {
                push_texts("warnings", &annotations.warnings, out);
                push_texts("infos", &annotations.infos, out);
                out.push('}');
                stage = Stage::Done;
            }
            Stage::Done => return false,
        }
        true
    })
}

#[derive(Clone, Copy)]
enum Stage {
    Head,
    Data,
    Tail,
    Done,
}

/// The envelope of an error.
pub(crate) fn error(kind: &str, message: &str) -> String {
    let mut out = String::with_capacity(64 + message.len());
    out.push_str(r#"{"status":"error","errorType":"#);
    push_json_string(kind, &mut out);
    out.push_str(r#","error":"#);
    push_json_string(message, &mut out);
    out.push('}');
    out
}

/// What is already JSON.
pub(super) fn whole(json: String) -> Pages {
    let mut json = Some(json);
    Box::new(move |out| match json.take() {
        Some(json) => {
            out.push_str(&json);
            true
        }
        None => false,
    })
}

/// A list; `push` writes one item.
pub(super) fn list<T: Send + 'static>(items: Vec<T>, push: fn(&T, &mut String)) -> Pages {
    let mut items = items.into_iter();
    let mut opened = false;
    let mut closed = false;
    Box::new(move |out| {
        if closed {
            return false;
        }
        if let Some(item) = items.next() {
            out.push(if opened { ',' } else { '[' });
            push(&item, out);
        } else {
            out.push_str(if opened { "]" } else { "[]" });
            closed = true;
        }
        opened = true;
        true
    })
}

/// `{"resultType":...,"result":...}`
pub(super) fn query_data(value: QueryValue, statistics: Option<String>) -> Pages {
    let (kind, mut result): (&str, Pages) = match value {
        QueryValue::Scalar(sample) => {
            let mut json = String::new();
            push_sample(sample, &mut json);
            ("scalar", whole(json))
        }
        QueryValue::String { timestamp_ms, value } => {
            let mut json = String::from("[");
            push_timestamp(timestamp_ms, &mut json);
            json.push(',');
            push_json_string(&value, &mut json);
            json.push(']');
            ("string", whole(json))
        }
        QueryValue::Vector(samples) => (
            "vector",
            list(samples, |series, out| {
                push_metric(&series.labels, out);
                match &series.value {
                    SampleValue::Float(value) => {
                        out.push_str(r#","value":"#);
                        let timestamp_ms = series.timestamp_ms;
                        push_sample(
                            Sample {
                                timestamp_ms,
                                value: *value,
                            },
                            out,
                        );
                    }
                    SampleValue::Histogram(histogram) => {
                        out.push_str(r#","histogram":"#);
                        push_histogram(series.timestamp_ms, histogram, out);
                    }
                }
                out.push('}');
            }),
        ),
        QueryValue::Matrix(series) => ("matrix", matrix(series)),
        // A kind of value that was added to the engine and not here: clients see that they do not know it.
        _ => ("unknown", whole("null".to_owned())),
    };
    let mut head = Some(format!(r#"{{"resultType":"{kind}","result":"#));
    let mut tail = Some(match statistics {
        Some(statistics) => format!(r#","stats":{statistics}}}"#),
        None => "}".to_owned(),
    });
    Box::new(move |out| {
        if let Some(head) = head.take() {
            out.push_str(&head);
            return true;
        }
        if result(out) {
            return true;
        }
        match tail.take() {
            Some(tail) => {
                out.push_str(&tail);
                true
            }
            None => false,
        }
    })
}

/// A list of range series; long ones are written in several pieces.
fn matrix(series: Vec<RangeSeries>) -> Pages {
    let mut series = series.into_iter();
    let mut times = TimeTexts::default();
    let mut current: Option<SeriesWriter> = None;
    let mut opened = false;
    let mut closed = false;
    Box::new(move |out| {
        if let Some(writer) = &mut current {
            if !writer.write_piece(&mut times, out) {
                out.push('}');
                current = None;
            }
            return true;
        }
        if closed {
            return false;
        }
        if let Some(next) = series.next() {
            out.push(if opened { ',' } else { '[' });
            push_metric(&next.labels, out);
            times.rewind();
            current = Some(SeriesWriter {
                floats: next.samples,
                histograms: next.histograms,
                written_floats: 0,
                written_histograms: 0,
            });
        } else {
            out.push_str(if opened { "]" } else { "[]" });
            closed = true;
        }
        opened = true;
        true
    })
}

/// Writes the samples of one series piece by piece: `,"values":[...],"histograms":[...]`, of which one may be missing.
struct SeriesWriter {
    floats: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    written_floats: usize,
    written_histograms: usize,
}

impl SeriesWriter {
    /// `false` when nothing was left to write.
    fn write_piece(&mut self, times: &mut TimeTexts, out: &mut String) -> bool {
        let wrote_floats = write_list(
            "values",
            &self.floats,
            &mut self.written_floats,
            SAMPLES_PER_PIECE,
            out,
            |sample, out| {
                times.push(sample.timestamp_ms, out);
                format_json_float(sample.value, out);
                out.push_str("\"]");
            },
        );
        wrote_floats
            || write_list(
                "histograms",
                &self.histograms,
                &mut self.written_histograms,
                HISTOGRAMS_PER_PIECE,
                out,
                |sample, out| push_histogram(sample.timestamp_ms, &sample.histogram, out),
            )
    }
}

/// Writes the next piece of a list that is a field of an object; `false` when nothing was left to write.
fn write_list<T>(
    name: &str,
    items: &[T],
    written: &mut usize,
    piece_length: usize,
    out: &mut String,
    mut push: impl FnMut(&T, &mut String),
) -> bool {
    let rest = items.get(*written..).unwrap_or_default();
    if rest.is_empty() {
        return false;
    }
    let piece = rest.get(..piece_length).unwrap_or(rest);
    for (index, item) in piece.iter().enumerate() {
        if *written + index > 0 {
            out.push(',');
        } else {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":[");
        }
        push(item, out);
    }
    *written += piece.len();
    if *written == items.len() {
        out.push(']');
    }
    true
}

/// `[1700000000.5,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}]`; empty buckets are left out.
fn push_histogram(timestamp_ms: i64, histogram: &FloatHistogram, out: &mut String) {
    let push_number = |number: f64, out: &mut String| {
        out.push('"');
        format_json_float(number, out);
        out.push('"');
    };
    out.push('[');
    push_timestamp(timestamp_ms, out);
    out.push_str(r#",{"count":"#);
    push_number(histogram.count, out);
    out.push_str(r#","sum":"#);
    push_number(histogram.sum, out);
    for (index, bucket) in histogram.buckets().enumerate() {
        out.push_str(if index == 0 { r#","buckets":["# } else { "," });
        out.push('[');
        format_json_float(f64::from(bucket.boundary_rule()), out);
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(',');
            push_number(number, out);
        }
        out.push(']');
    }
    if histogram.buckets().next().is_some() {
        out.push(']');
    }
    out.push_str("}]");
}

fn push_metric(labels: &Labels, out: &mut String) {
    out.push_str(r#"{"metric":"#);
    push_labels(labels, out);
}

/// `{"name":"value",...}`
pub(super) fn push_labels(labels: &Labels, out: &mut String) {
    out.push('{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_json_string(name, out);
        out.push(':');
        push_json_string(value, out);
    }
    out.push('}');
}

/// `[1700000000.5,"0.25"]`
fn push_sample(sample: Sample, out: &mut String) {
    out.push('[');
    push_timestamp(sample.timestamp_ms, out);
    out.push_str(",\"");
    format_json_float(sample.value, out);
    out.push_str("\"]");
}

/// Seconds with at most three decimals and no trailing zeros.
pub(super) fn push_timestamp(timestamp_ms: i64, out: &mut String) {
    if timestamp_ms < 0 {
        out.push('-');
    }
    let magnitude_ms = timestamp_ms.unsigned_abs();
    let (seconds, fraction_ms) = (magnitude_ms / 1000, magnitude_ms % 1000);
    if seconds < LARGEST_EXACT_INTEGER {
        format_json_float(seconds as f64, out);
    } else {
        out.push_str(&seconds.to_string());
    }
    if fraction_ms > 0 {
        let digits = format!(".{fraction_ms:03}");
        out.push_str(digits.trim_end_matches('0'));
    }
}

fn push_texts(name: &str, texts: &[String], out: &mut String) {
    for (index, text) in texts.iter().enumerate() {
        if index == 0 {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":[");
        } else {
            out.push(',');
        }
        push_json_string(text, out);
    }
    if !texts.is_empty() {
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use moheng_metrics::histogram::{BucketSpan, HistogramLayout};
    use moheng_promql::InstantSample;

    use super::*;

    fn render(mut pages: Pages) -> String {
        let mut out = String::new();
        while pages(&mut out) {}
        out
    }

    fn sample(timestamp_ms: i64, value: f64) -> Sample {
        Sample { timestamp_ms, value }
    }

    #[track_caller]
    fn check(value: QueryValue, expected: &str) {
        assert_eq!(render(query_data(value, None)), expected);
    }

    #[test]
    fn values() {
        check(
            QueryValue::Scalar(sample(1_500, f64::INFINITY)),
            r#"{"resultType":"scalar","result":[1.5,"+Inf"]}"#,
        );
        check(
            QueryValue::String {
                timestamp_ms: -10,
                value: "a\"b".to_owned(),
            },
            r#"{"resultType":"string","result":[-0.01,"a\"b"]}"#,
        );
        check(
            QueryValue::Vector(Vec::new()),
            r#"{"resultType":"vector","result":[]}"#,
        );
        check(
            QueryValue::Matrix(Vec::new()),
            r#"{"resultType":"matrix","result":[]}"#,
        );
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a\nb")]);
        check(
            QueryValue::Vector(vec![InstantSample {
                labels: labels.clone(),
                timestamp_ms: 1_000,
                value: SampleValue::Float(f64::NAN),
            }]),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a\nb"},"value":[1,"NaN"]}]}"#,
        );
        let samples = vec![sample(0, 1e21), sample(15_120, 0.5)];
        check(
            QueryValue::Matrix(vec![
                RangeSeries {
                    labels,
                    samples,
                    histograms: Vec::new(),
                },
                RangeSeries {
                    labels: Labels::empty(),
                    samples: vec![sample(1, 2.0)],
                    histograms: Vec::new(),
                },
            ]),
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a\nb"},"values":[[0,"1e+21"],[15.12,"0.5"]]},{"metric":{},"values":[[0.001,"2"]]}]}"#,
        );
    }

    #[test]
    fn native_histograms() {
        let layout = HistogramLayout {
            positive: vec![BucketSpan { offset: 1, length: 2 }],
            negative: vec![BucketSpan { offset: 0, length: 1 }],
            ..HistogramLayout::exponential(0, 0.25)
        };
        let histogram = Arc::new(FloatHistogram {
            count: 6.5,
            sum: 9.0,
            zero_count: 1.5,
            positive: vec![3.0, 0.0],
            negative: vec![2.0],
            ..FloatHistogram::empty(layout)
        });
        let json = r#"{"count":"6.5","sum":"9","buckets":[[1,"-1","-0.5","2"],[3,"-0.25","0.25","1.5"],[0,"1","2","3"]]}"#;
        check(
            QueryValue::Vector(vec![InstantSample {
                labels: Labels::empty(),
                timestamp_ms: 1_000,
                value: SampleValue::Histogram(Arc::clone(&histogram)),
            }]),
            &format!(r#"{{"resultType":"vector","result":[{{"metric":{{}},"histogram":[1,{json}]}}]}}"#),
        );
        let empty = Arc::new(FloatHistogram::empty(HistogramLayout::default()));
        check(
            QueryValue::Matrix(vec![RangeSeries {
                labels: Labels::empty(),
                samples: vec![sample(0, 1.0)],
                histograms: [(1_000, histogram), (2_000, empty)]
                    .into_iter()
                    .map(|(timestamp_ms, histogram)| HistogramSample {
                        timestamp_ms,
                        histogram,
                    })
                    .collect(),
            }]),
            &format!(
                r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[[0,"1"]],"histograms":[[1,{json}],[2,{{"count":"0","sum":"0"}}]]}}]}}"#
            ),
        );
    }

    #[test]
    fn long_series_are_written_in_pieces_that_fit_together() {
        let samples: Vec<Sample> = (0..4_001)
            .map(|index| sample(index * 1000, index as f64))
            .collect();
        let expected: Vec<String> = (0..4_001).map(|index| format!("[{index},\"{index}\"]")).collect();
        check(
            QueryValue::Matrix(vec![RangeSeries {
                labels: Labels::empty(),
                samples,
                histograms: Vec::new(),
            }]),
            &format!(
                r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}"#,
                expected.join(",")
            ),
        );
    }

    #[test]
    fn envelopes() {
        let mut annotations = Annotations::default();
        let data = || list(vec!["a".to_owned()], |text, out| push_json_string(text, out));
        assert_eq!(
            render(success(data(), annotations.clone())),
            r#"{"status":"success","data":["a"]}"#
        );
        annotations.warnings.push("w".to_owned());
        annotations.infos.extend(["i".to_owned(), "j".to_owned()]);
        assert_eq!(
            render(success(data(), annotations)),
            r#"{"status":"success","data":["a"],"warnings":["w"],"infos":["i","j"]}"#
        );
        assert_eq!(
            error("bad_data", "1:1: \u{1}"),
            r#"{"status":"error","errorType":"bad_data","error":"1:1: \u0001"}"#
        );
    }
}
