//! Remote write against prost, both ways, and with damage of every kind.

#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking")]

use moheng_metrics::protobuf::ProtobufError;
use moheng_metrics::remote_write::{
    OutgoingSeries, WriteDecoder, WriteEncoder, WriteItem, WriteMessage, WriteSample,
};
use moheng_metrics::testing::check_remote_write;
use moheng_metrics::{
    ExposedNativeHistogram, Labels, Metadata, STALE_NAN, SymbolTable, ValidationScheme, decode_snappy,
    encode_snappy,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::messages::{common, v1, v2};
use crate::wire_model::{self, KINDS, Series, damage, damaged, labels_message};

fn encode(message: WriteMessage, series: &[Series], metadata: &[(String, Metadata)]) -> Vec<u8> {
    let mut encoder = WriteEncoder::new(message);
    // What an earlier request left behind must not show.
    for series in series.iter().rev() {
        encoder.push(&OutgoingSeries::new(&series.labels));
    }
    encoder.clear();
    for series in series {
        encoder.push(&OutgoingSeries {
            samples: &series.samples,
            histograms: &series.outgoing_histograms(),
            exemplars: &series.exemplars,
            metadata: series.metadata.as_ref(),
            ..OutgoingSeries::new(&series.labels)
        });
    }
    for (family, metadata) in metadata {
        encoder.push_metadata(family, metadata);
    }
    encoder.finish().to_vec()
}

type Decoded = (Vec<Series>, Vec<(String, Metadata)>);

fn decode(message: WriteMessage, request: &[u8]) -> Result<Decoded, ProtobufError> {
    let (mut series, mut metadata) = (Vec::new(), Vec::new());
    let mut decoder = WriteDecoder::new(message, request)?;
    while let Some(item) = decoder.next_item()? {
        match item {
            WriteItem::Series(received) => series.push(Series::of(received)),
            WriteItem::Metadata(item) => {
                metadata.push((item.family.to_owned(), item.metadata.to_metadata()));
            }
        }
    }
    Ok((series, metadata))
}

/// Decodes everything that can be decoded, and asks for all that can fail.
fn decode_anything(message: WriteMessage, request: &[u8]) -> Result<usize, ProtobufError> {
    let mut items = 0;
    let mut decoder = WriteDecoder::new(message, request)?;
    while let Some(item) = decoder.next_item()? {
        items += 1;
        if let WriteItem::Series(series) = item {
            series.sort_labels();
            let _ = series.to_labels(ValidationScheme::Utf8);
            for exemplar in series.exemplars() {
                let _ = exemplar.to_exemplar();
            }
            for histogram in series.histograms() {
                let _ = match &histogram.value {
                    ExposedNativeHistogram::Integer(histogram) => histogram.validate(),
                    ExposedNativeHistogram::Float(histogram) => histogram.validate(),
                };
            }
        }
    }
    Ok(items)
}

fn kind_number(metadata: &Metadata) -> i32 {
    KINDS
        .iter()
        .position(|kind| *kind == metadata.kind)
        .expect("a kind") as i32
}

fn v1_request(series: &[Series], metadata: &[(String, Metadata)]) -> v1::Request {
    let timeseries = series.iter().map(v1_series).collect();
    let metadata = metadata.iter().map(|(family, metadata)| v1::Metadata {
        kind: kind_number(metadata),
        family: family.clone(),
        help: metadata.help.clone(),
        unit: metadata.unit.clone(),
    });
    v1::Request {
        timeseries,
        metadata: metadata.collect(),
    }
}

pub(crate) fn v1_series(series: &Series) -> v1::Series {
    let sample = |sample: &WriteSample| v1::Sample {
        value: sample.value,
        timestamp: sample.timestamp_ms,
    };
    v1::Series {
        labels: labels_message(&series.labels),
        samples: series.samples.iter().map(sample).collect(),
        exemplars: series
            .exemplars
            .iter()
            .map(|exemplar| v1::Exemplar {
                labels: labels_message(&exemplar.labels),
                value: exemplar.value,
                timestamp: exemplar.timestamp_ms.unwrap_or_default(),
            })
            .collect(),
        histograms: series
            .histograms
            .iter()
            .map(wire_model::Histogram::to_message)
            .collect(),
    }
}

fn v2_request(series: &[Series]) -> v2::Request {
    let mut symbols = SymbolTable::new();
    let timeseries = series
        .iter()
        .map(|series| v2_series(series, &mut symbols))
        .collect();
    v2::Request {
        symbols: symbols.iter().map(str::to_owned).collect(),
        timeseries,
    }
}

fn v2_series(series: &Series, symbols: &mut SymbolTable) -> v2::Series {
    let mut references = |labels: &Labels| -> Vec<u32> {
        let texts = labels.iter().flat_map(|(name, value)| [name, value]);
        texts.map(|text| symbols.intern(text)).collect()
    };
    let sample = |sample: &WriteSample| v2::Sample {
        value: sample.value,
        timestamp: sample.timestamp_ms,
        start_timestamp: sample.start_timestamp_ms,
    };
    v2::Series {
        labels_refs: references(&series.labels),
        samples: series.samples.iter().map(sample).collect(),
        histograms: series
            .histograms
            .iter()
            .map(wire_model::Histogram::to_message)
            .collect(),
        exemplars: series
            .exemplars
            .iter()
            .map(|exemplar| v2::Exemplar {
                labels_refs: references(&exemplar.labels),
                value: exemplar.value,
                timestamp: exemplar.timestamp_ms.unwrap_or_default(),
            })
            .collect(),
        metadata: series.metadata.as_ref().map(|metadata| v2::Metadata {
            kind: kind_number(metadata),
            help_ref: symbols.intern(&metadata.help),
            unit_ref: symbols.intern(&metadata.unit),
        }),
        created_timestamp: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn version_1_as_prost(
        series in vec(wire_model::series().prop_map(Series::without_starts), 0..4),
        metadata in vec((wire_model::text(), wire_model::metadata()), 0..3),
    ) {
        let expected = v1_request(&series, &metadata).encode_to_vec();
        prop_assert_eq!(&encode(WriteMessage::V1, &series, &metadata), &expected);
        prop_assert_eq!(decode(WriteMessage::V1, &expected), Ok((series, metadata)));
    }

    #[test]
    fn version_2_as_prost(series in vec(wire_model::series(), 0..4)) {
        let request = v2_request(&series);
        let encoded = encode(WriteMessage::V2, &series, &[]);
        prop_assert_eq!(v2::Request::decode(encoded.as_slice()), Ok(request.clone()));
        prop_assert_eq!(&encoded, &request.encode_to_vec());
        prop_assert_eq!(decode(WriteMessage::V2, &encoded), Ok((series, vec![])));
    }

    #[test]
    fn damage_is_refused_or_read_as_prost_does(
        series in vec(wire_model::series(), 1..3),
        (changes, cut) in damage(),
    ) {
        let request = damaged(&encode(WriteMessage::V1, &series, &[]), &changes, cut);
        check_remote_write(WriteMessage::V1, &request);
        let ours = decode_anything(WriteMessage::V1, &request);
        if let (Ok(items), Ok(message)) = (&ours, v1::Request::decode(request.as_slice())) {
            prop_assert_eq!(*items, message.timeseries.len() + message.metadata.len());
        }
        let request = damaged(&encode(WriteMessage::V2, &series, &[]), &changes, cut);
        check_remote_write(WriteMessage::V2, &request);
        let ours = decode_anything(WriteMessage::V2, &request);
        if let (Ok(items), Ok(message)) = (&ours, v2::Request::decode(request.as_slice())) {
            prop_assert_eq!(*items, message.timeseries.len());
        }
    }
}

/// A series of version 1.0 with these labels.
fn labelled(labels: &[(&str, &str)]) -> Vec<u8> {
    let label = |(name, value): &(&str, &str)| common::Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let series = v1::Series {
        labels: labels.iter().map(label).collect(),
        ..v1::Series::default()
    };
    v1::Request {
        timeseries: vec![series],
        metadata: vec![],
    }
    .encode_to_vec()
}

#[test]
fn bad_labels_are_named_and_spoil_only_their_series() {
    #[track_caller]
    fn check(labels: &[(&str, &str)], expected: &str) {
        let mut request = labelled(labels);
        request.extend(labelled(&[("__name__", "good")]));
        let mut decoder = WriteDecoder::new(WriteMessage::V1, &request).unwrap();
        let mut labels = Vec::new();
        while let Some(WriteItem::Series(series)) = decoder.next_item().unwrap() {
            labels.push(series.to_labels(ValidationScheme::Utf8));
        }
        assert_eq!(labels[0].as_ref().unwrap_err().to_string(), expected);
        assert_eq!(labels[1], Ok(Labels::from_pairs([("__name__", "good")])));
    }
    let name = ("__name__", "up");
    check(&[name, ("a", "1"), ("a", "1")], r#"duplicate label name "a""#);
    check(&[name, name], r#"duplicate label name "__name__""#);
    check(
        &[("b", "1"), name],
        r#"labels are not sorted: "__name__" comes too late"#,
    );
    check(&[name, ("", "1")], r#"invalid label name """#);
    check(&[("job", "node")], "series has no metric name");
}

#[test]
fn unsorted_labels_can_be_sorted() {
    let request = labelled(&[("b", "2"), ("a", "1"), ("__name__", "up")]);
    let mut decoder = WriteDecoder::new(WriteMessage::V1, &request).unwrap();
    let Some(WriteItem::Series(series)) = decoder.next_item().unwrap() else {
        panic!("a series");
    };
    series.sort_labels();
    let expected = Labels::from_pairs([("__name__", "up"), ("a", "1"), ("b", "2")]);
    assert_eq!(series.to_labels(ValidationScheme::Legacy), Ok(expected));
}

#[track_caller]
fn check_error(message: WriteMessage, request: &[u8], expected: &str) {
    let items = decode_anything(message, request).map_err(|error| error.to_string());
    assert_eq!(items, Err(expected.to_owned()), "{request:x?}");
}

#[test]
fn bad_requests_of_version_1_are_named() {
    let (check, v1) = (check_error, WriteMessage::V1);
    check(
        v1,
        b"\x0a\x05\x0a\x01",
        "byte 1: timeseries: length of 5 bytes reaches beyond the end",
    );
    check(
        v1,
        b"\x0a\x02\x0a\x7f",
        "byte 3: timeseries.labels: length of 127 bytes reaches beyond the end",
    );
    check(
        v1,
        b"\x0a\x0b\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "byte 3: timeseries.labels: length of 18446744073709551615 bytes reaches beyond the end",
    );
    check(
        v1,
        b"\x0a\x07\x0a\x05\x0a\x03a\xc3b",
        "byte 7: timeseries.labels: invalid UTF-8",
    );
    check(
        v1,
        b"\x0a\x0e\x12\x0c\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00",
        "byte 5: timeseries.samples.timestamp: integer overflow",
    );
    check(
        v1,
        b"\x0a\x06\x12\x04\x09\x00\x00\x00",
        "byte 5: timeseries.samples.value: truncated",
    );
    check(v1, b"\x0a\x02\x12\x00\x08", "byte 5: request: wrong wire type 0");
    check(
        v1,
        b"\x0a\x04\x12\x02\x10\x80",
        "byte 5: timeseries.samples.timestamp: truncated",
    );
    check(
        v1,
        b"\x0a\x05\x22\x03\x20\x80\x04",
        "byte 5: timeseries.histograms.schema: unsupported histogram schema 256",
    );
    check(
        v1,
        b"\x0a\x04\x22\x02\x70\x04",
        "byte 5: timeseries.histograms.reset_hint: unknown value 4",
    );
    check(
        v1,
        b"\x0a\x07\x22\x05\x08\x01\x6a\x01\x00",
        "byte 8: timeseries.histograms.positive_counts: truncated",
    );
    check(
        v1,
        b"\x0a\x0e\x22\x0c\x08\x01\x6a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
        "byte 4: timeseries.histograms: whole and fractional counts are mixed",
    );
}

#[test]
fn bad_requests_of_version_2_are_named() {
    let (check, v2) = (check_error, WriteMessage::V2);
    check(v2, b"\x22\x01a", "byte 1: symbols: first symbol is not empty");
    check(v2, b"\x22\x00\x22\x01\xff", "byte 4: symbols: invalid UTF-8");
    check(
        v2,
        b"\x22\x00\x22\x01a\x2a\x04\x0a\x02\x01\x02",
        "byte 10: timeseries.labels_refs: symbol reference 2 is out of range, there are 2 symbols",
    );
    check(
        v2,
        b"\x22\x00\x2a\x03\x0a\x01\x00",
        "byte 7: timeseries.labels_refs: odd number of label references",
    );
    check(
        v2,
        b"\x22\x00\x2a\x05\x22\x03\x0a\x01\x00",
        "byte 9: timeseries.exemplars.labels_refs: odd number of label references",
    );
    check(
        v2,
        b"\x22\x00\x2a\x08\x0a\x06\xff\xff\xff\xff\x1f\x00",
        "byte 6: timeseries.labels_refs: integer overflow",
    );
    check(
        v2,
        b"\x22\x00\x2a\x04\x2a\x02\x18\x01",
        "byte 7: timeseries.metadata.help_ref: symbol reference 1 is out of range, there are 1 symbols",
    );
}

#[test]
fn nothing_comes_after_an_error() {
    let mut request = labelled(&[("__name__", "up")]);
    request.extend(b"\x0a\x02\x0a\x7f");
    request.extend(labelled(&[("__name__", "up")]));
    let mut decoder = WriteDecoder::new(WriteMessage::V1, &request).unwrap();
    assert!(matches!(decoder.next_item(), Ok(Some(WriteItem::Series(_)))));
    assert!(decoder.next_item().is_err());
    assert!(matches!(decoder.next_item(), Ok(None)));
}

#[test]
fn amounts_are_bounded() {
    #[track_caller]
    fn check(field: &[u8], count: usize, expected: &str) {
        let body = field.repeat(count);
        let mut request = vec![0x0a];
        let length = body.len() as u32;
        request.extend((0..4).map(|group| (length >> (7 * group)) as u8 & 0x7f | u8::from(group < 3) << 7));
        request.extend(body);
        let error = decode_anything(WriteMessage::V1, &request).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    check(b"\x0a\x00", 65_536, "timeseries.labels: more than 65535");
    check(
        b"\x12\x00",
        (1 << 22) + 1,
        "timeseries.samples: more than 4194304",
    );
    check(b"\x1a\x00", 65_536, "timeseries.exemplars: more than 65535");
    check(b"\x22\x00", 65_536, "timeseries.histograms: more than 65535");
}

#[test]
fn snappy_bombs_are_refused() {
    let request = labelled(&[("__name__", &"x".repeat(1 << 20))]);
    let body = encode_snappy(&request).unwrap();
    assert!(body.len() < request.len() / 20);
    let error = decode_snappy(&body, 1 << 20).unwrap_err();
    assert!(
        error.to_string().starts_with("snappy block decodes to"),
        "{error}"
    );
    assert_eq!(decode_snappy(&body, request.len()), Ok(request));
}

#[test]
fn bits_of_values_are_kept() {
    let labels = Labels::from_pairs([("__name__", "up")]);
    let values = [
        STALE_NAN,
        -0.0,
        f64::from_bits(0xfff8_0000_0000_1234),
        f64::MIN_POSITIVE / 2.0,
    ];
    for message in [WriteMessage::V1, WriteMessage::V2] {
        let samples = values.map(|value| WriteSample {
            timestamp_ms: -1,
            value,
            start_timestamp_ms: 0,
        });
        let mut encoder = WriteEncoder::new(message);
        encoder.push(&OutgoingSeries {
            samples: &samples,
            ..OutgoingSeries::new(&labels)
        });
        let (series, _) = decode(message, encoder.finish()).unwrap();
        let read = series[0].samples.iter().map(|sample| sample.value.to_bits());
        assert!(read.eq(values.map(f64::to_bits)));
    }
}

#[test]
fn starts_of_whole_series_are_taken_over() {
    let request = v2::Request {
        symbols: vec![String::new(), "__name__".to_owned(), "up".to_owned()],
        timeseries: vec![v2::Series {
            labels_refs: vec![1, 2],
            samples: vec![
                v2::Sample {
                    value: 1.0,
                    timestamp: 20,
                    start_timestamp: 0,
                },
                v2::Sample {
                    value: 1.0,
                    timestamp: 30,
                    start_timestamp: 25,
                },
            ],
            histograms: vec![common::Histogram::default()],
            created_timestamp: 10,
            ..v2::Series::default()
        }],
    };
    let (series, _) = decode(WriteMessage::V2, &request.encode_to_vec()).unwrap();
    let starts: Vec<i64> = series[0]
        .samples
        .iter()
        .map(|sample| sample.start_timestamp_ms)
        .collect();
    assert_eq!(starts, [10, 25]);
    assert_eq!(series[0].histograms[0].start_timestamp_ms, 10);
}

/// Protobuf allows any order and lists that are not packed, and Prometheus may add fields.
#[test]
fn other_writers_are_understood() {
    // Series before symbols, references one by one, an unknown field of every kind, the value before the name.
    let request = b"\x2a\x16\x08\x01\x08\x02\x48\x01\x51\x00\x00\x00\x00\x00\x00\x00\x00\x5a\x00\x65\x00\x00\x00\x00\x22\x00\x22\x08__name__\x22\x02up";
    let (series, _) = decode(WriteMessage::V2, request).unwrap();
    assert_eq!(series[0].labels.to_string(), r#"{__name__="up"}"#);
    let request = b"\x0a\x10\x0a\x0e\x12\x02up\x0a\x08__name__";
    let (series, _) = decode(WriteMessage::V1, request).unwrap();
    assert_eq!(series[0].labels.to_string(), r#"{__name__="up"}"#);
}

#[test]
fn one_version_read_as_the_other_is_empty() {
    let labels = Labels::from_pairs([("__name__", "up")]);
    for (written, read) in [
        (WriteMessage::V1, WriteMessage::V2),
        (WriteMessage::V2, WriteMessage::V1),
    ] {
        let mut encoder = WriteEncoder::new(written);
        encoder.push(&OutgoingSeries::new(&labels));
        assert_eq!(decode_anything(read, encoder.finish()), Ok(0));
    }
}
