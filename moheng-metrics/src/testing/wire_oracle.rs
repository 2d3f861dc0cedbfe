//! Any bytes as messages: [`check_remote_write`], [`check_remote_read`], [`check_protobuf_exposition`].

use crate::exposition::{Format, ProtobufParser, write};
use crate::remote_read::{ChunkedEncoder, ChunkedFrame, ReadRequest, ReadResponseDecoder, read_frame};
use crate::remote_write::{
    OutgoingHistogram, OutgoingSeries, ReceivedSeries, WriteDecoder, WriteEncoder, WriteItem, WriteMessage,
};
use crate::{EscapingScheme, Exemplar, ExposedNativeHistogram, Labels, ValidationScheme};

/// Memory that decoding any input may ask for, in bytes.
const MAX_DECODED_BYTES: usize = 1 << 20;

/// Reads any bytes as a request; what can be read is written, and must then be read and written the same again.
///
/// # Panics
///
/// When it is not.
pub fn check_remote_write(message: WriteMessage, bytes: &[u8]) {
    let first = rewrite(message, bytes);
    let again = rewrite(message, &first.0);
    assert_eq!(first, again, "what was written is read back");
    if let Ok(request) = crate::decode_snappy(bytes, MAX_DECODED_BYTES) {
        assert!(request.len() <= MAX_DECODED_BYTES);
        rewrite(message, &request);
    }
}

/// The series that have valid labels, and everything about metrics, written once more; and how many series those are.
fn rewrite(message: WriteMessage, request: &[u8]) -> (Vec<u8>, usize) {
    let mut encoder = WriteEncoder::new(message);
    let mut count = 0;
    if let Ok(mut decoder) = WriteDecoder::new(message, request) {
        while let Ok(Some(item)) = decoder.next_item() {
            match item {
                WriteItem::Series(series) => {
                    series.sort_labels();
                    if let Ok(labels) = series.to_labels(ValidationScheme::Utf8) {
                        push(&mut encoder, &labels, series);
                        count += 1;
                    }
                }
                WriteItem::Metadata(item) => {
                    encoder.push_metadata(item.family, &item.metadata.to_metadata());
                }
            }
        }
    }
    (encoder.finish().to_vec(), count)
}

fn push(encoder: &mut WriteEncoder, labels: &Labels, series: &ReceivedSeries<'_>) {
    let exemplars: Vec<Exemplar> = series
        .exemplars()
        .filter_map(|exemplar| exemplar.to_exemplar().ok())
        .collect();
    let histograms: Vec<OutgoingHistogram<'_>> = series
        .histograms()
        .iter()
        .map(|histogram| OutgoingHistogram {
            timestamp_ms: histogram.timestamp_ms,
            start_timestamp_ms: histogram.start_timestamp_ms,
            value: histogram.as_value(),
        })
        .collect();
    for histogram in series.histograms() {
        // Whatever came is judged without harm.
        let is_valid = match &histogram.value {
            ExposedNativeHistogram::Integer(histogram) => histogram.validate().is_ok(),
            ExposedNativeHistogram::Float(histogram) => histogram.validate().is_ok(),
        };
        std::hint::black_box(is_valid);
    }
    let metadata = series.metadata.map(|metadata| metadata.to_metadata());
    encoder.push(&OutgoingSeries {
        samples: &series.samples,
        histograms: &histograms,
        exemplars: &exemplars,
        metadata: metadata.as_ref(),
        ..OutgoingSeries::new(labels)
    });
}

/// Reads any bytes as a question, as an answer of samples and as frames of chunks; questions and frames that can be read
/// must be written and read the same again.
///
/// # Panics
///
/// When they are not.
pub fn check_remote_read(bytes: &[u8]) {
    if let Ok(request) = ReadRequest::decode(bytes) {
        assert_eq!(ReadRequest::decode(&request.encode()).as_ref(), Ok(&request));
        for query in request.queries.iter().take(3) {
            std::hint::black_box(query.to_matchers().is_ok());
        }
    }
    let mut decoder = ReadResponseDecoder::new(bytes);
    while let Ok(Some((_, series))) = decoder.next_series() {
        std::hint::black_box(series.to_labels(ValidationScheme::Utf8).is_ok());
    }
    check_frame(bytes);
    let mut rest = bytes;
    while let Ok(Some((message, length))) = read_frame(rest, MAX_DECODED_BYTES) {
        assert!(message.len() <= MAX_DECODED_BYTES);
        check_frame(message);
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn check_frame(message: &[u8]) {
    let Ok(frame) = ChunkedFrame::decode(message) else {
        return;
    };
    for series in &frame.series {
        let Ok(labels) = series.to_labels() else {
            continue;
        };
        let mut stream = Vec::new();
        let chunks = series.chunks.iter().copied();
        ChunkedEncoder::new(usize::MAX).push(frame.query_index, &labels, chunks, &mut stream);
        match read_frame(&stream, usize::MAX) {
            Ok(Some((message, length))) => {
                assert_eq!(length, stream.len());
                let again = ChunkedFrame::decode(message).expect("what was written is read");
                assert_eq!(again.query_index, frame.query_index);
                assert_eq!(again.series[0].chunks, series.chunks);
                assert_eq!(again.series[0].to_labels(), Ok(labels));
            }
            Ok(None) => assert!(series.chunks.is_empty(), "a series with chunks has a frame"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads any bytes as an exposition; what can be read is written, and must then be read and written the same again.
///
/// # Panics
///
/// When it is not.
pub fn check_protobuf_exposition(bytes: &[u8]) {
    let mut families = Vec::new();
    for view in ProtobufParser::new(bytes).flatten() {
        let mut is_readable = true;
        for metric in view.metrics() {
            let read = metric.and_then(|metric| Ok((metric.number()?, metric.to_metric()?)));
            match read {
                Ok((Some(number), metric)) => {
                    let bits = metric.value.as_number().map(f64::to_bits);
                    assert_eq!(bits, Some(number.to_bits()));
                }
                Ok((None, metric)) => assert_eq!(metric.value.as_number(), None),
                Err(_) => is_readable = false,
            }
        }
        match view.to_family() {
            Ok(family) => families.push(family),
            Err(error) => assert!(!is_readable, "{error}"),
        }
    }
    let mut first = Vec::new();
    write(Format::Protobuf, EscapingScheme::AllowUtf8, &families, &mut first);
    let read = crate::exposition::parse(Format::Protobuf, &first).expect("what was written is read");
    let mut again = Vec::new();
    write(Format::Protobuf, EscapingScheme::AllowUtf8, &read, &mut again);
    assert!(first == again, "{families:?}\nbecame\n{read:?}");
}
