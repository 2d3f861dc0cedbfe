//! Remote read against prost, both ways, and with damage of every kind.

use moheng_metrics::protobuf::ProtobufError;
use moheng_metrics::remote_read::{
    ChunkedEncoder, ChunkedFrame, FrameError, ReadChunk, ReadHints, ReadMatcher, ReadQuery, ReadRequest,
    ReadResponseDecoder, ReadResponseEncoder, ReadResponseType, read_frame,
};
use moheng_metrics::remote_write::OutgoingSeries;
use moheng_metrics::testing::check_remote_read;
use moheng_metrics::{Labels, MatchOp};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::other_messages::read;
use crate::remote_write::v1_series;
use crate::wire_model::{self, Series, damage, damaged, labels_message, text, time};

const OPS: [MatchOp; 4] = [
    MatchOp::Equal,
    MatchOp::NotEqual,
    MatchOp::Regex,
    MatchOp::NotRegex,
];

fn request() -> impl Strategy<Value = read::Request> {
    let matcher = (0..4, text(), text()).prop_map(|(kind, name, value)| read::Matcher { kind, name, value });
    let hints = (
        time(),
        text(),
        time(),
        time(),
        vec(text(), 0..3),
        any::<bool>(),
        time(),
    )
        .prop_map(
            |(step_ms, func, start_ms, end_ms, grouping, by, range_ms)| read::Hints {
                step_ms,
                func,
                start_ms,
                end_ms,
                grouping,
                by,
                range_ms,
            },
        );
    let query = (time(), time(), vec(matcher, 0..3), proptest::option::of(hints)).prop_map(
        |(start_timestamp_ms, end_timestamp_ms, matchers, hints)| read::Query {
            start_timestamp_ms,
            end_timestamp_ms,
            matchers,
            hints,
        },
    );
    let types = proptest::sample::select(vec![vec![], vec![0], vec![1], vec![1, 0]]);
    (vec(query, 0..3), types).prop_map(|(queries, accepted_response_types)| read::Request {
        queries,
        accepted_response_types,
    })
}

fn query_of(message: &read::Query) -> ReadQuery {
    let mut query = ReadQuery::new(message.start_timestamp_ms, message.end_timestamp_ms);
    query.matchers = message
        .matchers
        .iter()
        .map(|matcher| ReadMatcher {
            op: OPS[matcher.kind as usize],
            name: matcher.name.clone(),
            value: matcher.value.clone(),
        })
        .collect();
    query.hints = message.hints.as_ref().map(|message| {
        let mut hints = ReadHints::default();
        hints.step_ms = message.step_ms;
        hints.function.clone_from(&message.func);
        hints.start_ms = message.start_ms;
        hints.end_ms = message.end_ms;
        hints.grouping.clone_from(&message.grouping);
        hints.by = message.by;
        hints.range_ms = message.range_ms;
        hints
    });
    query
}

fn answer(results: &[Vec<Series>]) -> Vec<u8> {
    let mut encoder = ReadResponseEncoder::new();
    for result in results {
        for series in result {
            encoder.push(&OutgoingSeries {
                samples: &series.samples,
                histograms: &series.outgoing_histograms(),
                exemplars: &series.exemplars,
                ..OutgoingSeries::new(&series.labels)
            });
        }
        encoder.finish_query();
    }
    assert_eq!(encoder.size_bytes(), encoder.bytes().len());
    encoder.bytes().to_vec()
}

fn decode_answer(answer: &[u8]) -> Result<Vec<(usize, Series)>, ProtobufError> {
    let mut decoder = ReadResponseDecoder::new(answer);
    let mut series = Vec::new();
    while let Some((query, received)) = decoder.next_series()? {
        series.push((query, Series::of(received)));
    }
    Ok(series)
}

fn series_of_answers() -> impl Strategy<Value = Vec<Vec<Series>>> {
    let series = wire_model::series().prop_map(|series| Series {
        exemplars: vec![],
        ..series.without_starts()
    });
    vec(vec(series, 0..3), 0..3)
}

fn chunk() -> impl Strategy<Value = read::Chunk> {
    (time(), time(), 0..7, vec(any::<u8>(), 0..40)).prop_map(|(min_time_ms, max_time_ms, kind, data)| {
        read::Chunk {
            min_time_ms,
            max_time_ms,
            kind,
            data,
        }
    })
}

fn chunk_of(message: &read::Chunk) -> ReadChunk<'_> {
    ReadChunk {
        start_ms: message.min_time_ms,
        end_ms: message.max_time_ms,
        encoding: message.kind as u32,
        data: &message.data,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn requests_as_prost(message in request()) {
        let bytes = message.encode_to_vec();
        let request = ReadRequest::decode(&bytes).unwrap();
        let queries: Vec<ReadQuery> = message.queries.iter().map(query_of).collect();
        prop_assert_eq!(&request.queries, &queries);
        let types: Vec<i32> = request
            .accepted_types
            .iter()
            .map(|accepted| i32::from(*accepted == ReadResponseType::StreamedChunks))
            .collect();
        prop_assert_eq!(&types, &message.accepted_response_types);
        prop_assert_eq!(request.encode(), bytes);
    }

    #[test]
    fn answers_of_samples_as_prost(results in series_of_answers()) {
        let message = read::Response {
            results: results
                .iter()
                .map(|result| read::QueryResult { timeseries: result.iter().map(v1_series).collect() })
                .collect(),
        };
        let bytes = answer(&results);
        prop_assert_eq!(&bytes, &message.encode_to_vec());
        let numbered = |(query, result): (usize, Vec<Series>)| result.into_iter().map(move |series| (query, series));
        let expected: Vec<(usize, Series)> = results.into_iter().enumerate().flat_map(numbered).collect();
        prop_assert_eq!(decode_answer(&bytes), Ok(expected));
    }

    #[test]
    fn answers_of_chunks_as_prost(
        labels in wire_model::labels(1),
        chunks in vec(chunk(), 0..6),
        query_index in 0_usize..3,
        frame_bytes in 0_usize..200,
    ) {
        let mut stream = Vec::new();
        let mut encoder = ChunkedEncoder::new(frame_bytes);
        encoder.push(query_index, &labels, chunks.iter().map(chunk_of), &mut stream);
        let mut read = Vec::new();
        let mut rest = stream.as_slice();
        while let Some((message, length)) = read_frame(rest, 1 << 20).unwrap() {
            rest = &rest[length..];
            let prost = read::ChunkedResponse::decode(message).unwrap();
            prop_assert_eq!(&prost.encode_to_vec(), &message);
            prop_assert_eq!(&prost.chunked_series[0].labels, &labels_message(&labels));
            let frame = ChunkedFrame::decode(message).unwrap();
            prop_assert_eq!(frame.query_index, query_index);
            prop_assert_eq!(frame.series[0].to_labels(), Ok(labels.clone()));
            let ours: Vec<ReadChunk<'_>> = prost.chunked_series[0].chunks.iter().map(chunk_of).collect();
            prop_assert_eq!(&frame.series[0].chunks, &ours);
            let data: usize = ours.iter().map(|chunk| chunk.data.len()).sum();
            prop_assert!(ours.len() == 1 || data <= frame_bytes, "a frame of {} chunks and {} bytes", ours.len(), data);
            read.extend(prost.chunked_series[0].chunks.clone());
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(read, chunks);
    }

    #[test]
    fn damage_is_refused(message in request(), results in series_of_answers(), (changes, cut) in damage()) {
        let bytes = damaged(&message.encode_to_vec(), &changes, cut);
        if let (Ok(ours), Ok(prost)) = (ReadRequest::decode(&bytes), read::Request::decode(bytes.as_slice())) {
            prop_assert_eq!(ours.queries.len(), prost.queries.len());
        }
        check_remote_read(&bytes);
        let bytes = damaged(&answer(&results), &changes, cut);
        check_remote_read(&bytes);
        let mut decoder = ReadResponseDecoder::new(&bytes);
        let mut last = 0;
        while let Ok(Some((query, _))) = decoder.next_series() {
            prop_assert!(query >= last);
            last = query;
        }
    }

    #[test]
    fn damaged_frames_are_noticed(data in vec(any::<u8>(), 1..200), change in any::<prop::sample::Index>()) {
        let labels = Labels::from_pairs([("__name__", "up")]);
        let chunk = ReadChunk { data: &data, ..ReadChunk::default() };
        let mut stream = Vec::new();
        ChunkedEncoder::new(1 << 20).push(0, &labels, [chunk], &mut stream);
        // Behind the length.
        let length = if stream[0] < 0x80 { 1 } else { 2 };
        let index = length + change.index(stream.len() - length);
        stream[index] ^= 0x10;
        prop_assert!(matches!(read_frame(&stream, 1 << 20), Err(FrameError::Checksum { .. })), "byte {}", index);
    }
}

#[test]
fn kinds_of_answers() {
    use ReadResponseType::{Samples, StreamedChunks};
    #[track_caller]
    fn check(accepted: &[u8], supported: &[ReadResponseType], expected: Option<ReadResponseType>) {
        let mut bytes = vec![0x12, accepted.len() as u8];
        bytes.extend(accepted);
        let request = ReadRequest::decode(&bytes).unwrap();
        assert_eq!(request.response_type(supported), expected, "{accepted:?}");
    }
    check(&[], &[Samples, StreamedChunks], Some(Samples));
    check(&[1, 0], &[Samples, StreamedChunks], Some(StreamedChunks));
    check(&[1, 0], &[Samples], Some(Samples));
    check(&[9, 0], &[Samples], Some(Samples));
    check(&[1], &[Samples], None);
    check(&[], &[StreamedChunks], None);
}

#[test]
fn bad_requests_are_named() {
    #[track_caller]
    fn check(request: &[u8], expected: &str) {
        assert_eq!(
            ReadRequest::decode(request).unwrap_err().to_string(),
            expected,
            "{request:x?}"
        );
    }
    check(
        b"\x0a\x04\x1a\x02\x08\x04",
        "byte 5: queries.matchers.type: unknown value 4",
    );
    check(
        b"\x0a\x05\x1a\x03\x12\x01\xff",
        "byte 6: queries.matchers.name: invalid UTF-8",
    );
    check(
        b"\x0a\x02\x08\x80",
        "byte 3: queries.start_timestamp_ms: truncated",
    );
    check(
        b"\x0a\x09",
        "byte 1: queries: length of 9 bytes reaches beyond the end",
    );
    check(&b"\x0a\x00".repeat(1001), "byte 2001: queries: more than 1000");
    let matchers = [b"\x0a\xd2\x0f".as_slice(), &b"\x1a\x00".repeat(1001)].concat();
    check(&matchers, "byte 2004: queries.matchers: more than 1000");
}

#[test]
fn bad_patterns_are_named() {
    let request =
        ReadRequest::decode(b"\x0a\x08\x1a\x06\x08\x02\x1a\x01(\x12").map_err(|error| error.to_string());
    assert_eq!(request.unwrap_err(), "byte 10: queries.matchers.name: truncated");
    let request = ReadRequest::decode(b"\x0a\x0a\x1a\x08\x08\x02\x12\x01a\x1a\x01(").unwrap();
    assert!(request.queries[0].to_matchers().is_err());
}
