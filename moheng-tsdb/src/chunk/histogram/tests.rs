//! Golden bytes made by hand from the layout, the rules for new chunks, and round trips against the samples themselves.

use moheng_metrics::histogram::{BucketSpan, FloatHistogram, IntegerHistogram};
use moheng_metrics::{HistogramColumns, STALE_NAN};
use proptest::prelude::*;

use super::super::histogram_decoder::decode;
use super::*;

type Sample<C> = (i64, i64, NativeHistogram<C>);

fn spans(list: &[(i32, u32)]) -> Vec<BucketSpan> {
    list.iter()
        .map(|&(offset, length)| BucketSpan { offset, length })
        .collect()
}

/// Schema 0 with positive buckets; the count is that of the buckets.
fn integer(positive: &[(i32, u32)], counts: &[u64]) -> IntegerHistogram {
    let layout = HistogramLayout {
        positive: spans(positive),
        ..HistogramLayout::exponential(0, 0.0)
    };
    IntegerHistogram {
        count: counts.iter().sum(),
        sum: 1.0,
        positive: counts.to_vec(),
        ..IntegerHistogram::empty(layout)
    }
}

fn to_float(histogram: &IntegerHistogram) -> FloatHistogram {
    let floats = |counts: &[u64]| counts.iter().map(|&count| count as f64).collect();
    FloatHistogram {
        layout: Arc::clone(&histogram.layout),
        reset_hint: histogram.reset_hint,
        count: histogram.count as f64,
        sum: histogram.sum,
        zero_count: histogram.zero_count as f64,
        positive: floats(&histogram.positive),
        negative: floats(&histogram.negative),
    }
}

fn chunk_of<C: Count>(appender: &HistogramAppender<C>) -> Vec<u8> {
    let mut chunk = Vec::new();
    appender.write_to(&mut chunk);
    assert_eq!(chunk.len(), appender.size_bytes());
    chunk
}

fn read_exact<C: Count>(chunk: &[u8], has_starts: bool) -> Vec<Sample<C>> {
    let mut decoder = HistogramDecoder::<C>::new(chunk, has_starts).unwrap();
    std::iter::from_fn(|| decoder.next_histogram().unwrap()).collect()
}

fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| matches!(byte, b'0' | b'1')).collect();
    let byte = |digits: &[u8]| {
        let shifted = digits.iter().zip((0..8).rev());
        shifted.fold(0, |sum, (digit, shift)| sum | (digit - b'0') << shift)
    };
    digits.chunks(8).map(byte).collect()
}

#[test]
fn integers_by_hand() {
    let mut appender = HistogramAppender::<u64>::new(ResetHint::Unknown, false);
    assert!(appender.push(7, 0, &integer(&[(1, 2)], &[3, 1])));
    let layout = "00000000  0  10001 10010 10001  0";
    // Time 7, count 4, zero count 0, sum 1.0, buckets 3 and -2.
    let sum = "0011111111110000".to_owned() + &"0".repeat(48);
    let first = format!("110000111 10100 0 {sum} 10011 10110");
    let mut expected = vec![0, 1, 0];
    expected.extend(bits(&format!("{layout} {first}")));
    assert_eq!(chunk_of(&appender), expected);
    // Time +5, count +3, buckets +1 and +2: differences +1 and +1.
    assert!(appender.push(12, 0, &integer(&[(1, 2)], &[4, 3])));
    let second = "110000101 10011 0 0 10001 10001";
    // Time +5, count +3, buckets +0 and +3: differences 0 and +3, against the deltas 1 and 1.
    assert!(appender.push(17, 0, &integer(&[(1, 2)], &[4, 6])));
    let third = "0 0 0 0 10111 10010";
    // Time +6; only the sum of a stale marker is there: 1.0 ^ stale = 4000 0000 0000 0002.
    assert!(appender.push(23, 0, &IntegerHistogram::stale()));
    let stale = format!("10001 0 0 11 00001 111110 1{}1", "0".repeat(60));
    let mut expected = vec![0, 4, 0];
    expected.extend(bits(&format!("{layout} {first} {second} {third} {stale}")));
    assert_eq!(chunk_of(&appender), expected);
}

#[test]
fn floats_by_hand() {
    let one = "0011111111110000".to_owned() + &"0".repeat(48);
    let zero = "0".repeat(64);
    let mut appender = HistogramAppender::<f64>::new(ResetHint::Reset, true);
    let sample = to_float(&integer(&[(0, 1)], &[1]));
    assert!(appender.push(1, -3, &sample));
    assert!(appender.push(3, -3, &sample));
    let layout = "00000000 0 10001 10001 0 0";
    // The start as zig-zag varint of 4; then time +2 and three values as before, the zero count between them.
    let samples = format!("10001 {one} {zero} {one} {one} 00001000  10010 0 0 0 0");
    let mut expected = vec![0x80, 2, 0x80];
    expected.extend(bits(&format!("{layout} {samples}")));
    assert_eq!(chunk_of(&appender), expected);
    let read = read_exact::<f64>(&expected, true);
    assert_eq!(read[0].2.reset_hint, ResetHint::Reset);
    assert_eq!(read[1].2.reset_hint, ResetHint::NotReset);
    assert_eq!(
        read.iter().map(|sample| (sample.0, sample.1)).collect::<Vec<_>>(),
        [(1, -3), (3, -3)]
    );
}

#[test]
fn when_a_new_chunk_is_needed() {
    let first = integer(&[(0, 2)], &[3, 0]);
    let check = |next: &IntegerHistogram, expected: Fit| {
        let mut appender = HistogramAppender::<u64>::new(ResetHint::Unknown, false);
        assert!(appender.push(0, 0, &first));
        assert_eq!(appender.fit(next), expected);
        let mut floats = HistogramAppender::<f64>::new(ResetHint::Unknown, true);
        assert!(floats.push(0, 0, &to_float(&first)));
        assert_eq!(floats.fit(&to_float(next)), expected);
        assert_eq!(appender.push(1, 0, next), !matches!(expected, Fit::NewChunk(_)));
    };
    let new_chunk = Fit::NewChunk;
    check(&integer(&[(0, 2)], &[3, 1]), Fit::Fits);
    check(&integer(&[(0, 1)], &[3]), Fit::Narrower);
    check(&integer(&[(0, 2)], &[2, 9]), new_chunk(ResetHint::Reset));
    check(&integer(&[(1, 1)], &[9]), new_chunk(ResetHint::Reset));
    let wider = integer(&[(0, 3)], &[3, 0, 1]);
    check(&wider, Fit::Wider(Arc::clone(&wider.layout)));
    check(&IntegerHistogram::stale(), Fit::Fits);
    let change = |change: &dyn Fn(&mut IntegerHistogram)| {
        let mut next = first.clone();
        change(&mut next);
        next
    };
    let with_layout = |layout: HistogramLayout| {
        let mut next = first.clone();
        next.layout = Arc::new(HistogramLayout {
            positive: spans(&[(0, 2)]),
            ..layout
        });
        next
    };
    check(&change(&|next| next.count = 2), new_chunk(ResetHint::Reset));
    check(
        &change(&|next| next.reset_hint = ResetHint::Reset),
        new_chunk(ResetHint::Reset),
    );
    check(
        &change(&|next| next.reset_hint = ResetHint::Gauge),
        new_chunk(ResetHint::Gauge),
    );
    check(
        &with_layout(HistogramLayout::exponential(1, 0.0)),
        new_chunk(ResetHint::Unknown),
    );
    check(
        &with_layout(HistogramLayout::exponential(0, 0.5)),
        new_chunk(ResetHint::Unknown),
    );
    check(
        &with_layout(HistogramLayout::custom(vec![1.0])),
        new_chunk(ResetHint::Unknown),
    );
}

#[test]
fn gauges_have_no_resets_and_stale_markers_end_a_chunk() {
    let gauge = |positive: &[(i32, u32)], counts: &[u64]| IntegerHistogram {
        reset_hint: ResetHint::Gauge,
        ..integer(positive, counts)
    };
    let mut appender = HistogramAppender::<u64>::new(ResetHint::Unknown, false);
    assert!(appender.push(0, 0, &gauge(&[(0, 2)], &[5, 6])));
    assert!(appender.push(1, 0, &gauge(&[(1, 2)], &[1, 2])), "merged");
    let read = read_exact::<u64>(&chunk_of(&appender), false);
    assert_eq!(read[0].2.positive, [5, 6, 0]);
    assert_eq!(read[1].2.positive, [0, 1, 2]);
    assert!(read.iter().all(|sample| sample.2.reset_hint == ResetHint::Gauge));
    assert_eq!(
        appender.fit(&integer(&[(0, 1)], &[9])),
        Fit::NewChunk(ResetHint::Unknown)
    );

    let mut appender = HistogramAppender::<u64>::new(ResetHint::Unknown, false);
    assert!(appender.push(0, 0, &IntegerHistogram::stale()));
    assert!(appender.push(1, 0, &IntegerHistogram::stale()));
    assert_eq!(
        appender.fit(&integer(&[], &[])),
        Fit::NewChunk(ResetHint::Unknown)
    );
    let read = read_exact::<u64>(&chunk_of(&appender), false);
    assert!(read.len() == 2 && read.iter().all(|sample| sample.2.is_stale()));
}

#[test]
fn values_have_fingerprints() {
    let one = fingerprint(&integer(&[(0, 2)], &[3, 0]));
    assert_eq!(
        fingerprint(&integer(&[(0, 1)], &[3])),
        one,
        "an empty bucket less"
    );
    let others = [
        integer(&[(0, 1)], &[4]),
        integer(&[(1, 1)], &[3]),
        IntegerHistogram {
            sum: 2.0,
            ..integer(&[(0, 1)], &[3])
        },
        IntegerHistogram::stale(),
    ];
    for other in &others {
        assert_ne!(fingerprint(other), one);
    }
    assert_ne!(fingerprint(&to_float(&integer(&[(0, 1)], &[3]))), one);
    assert_eq!(
        fingerprint(&IntegerHistogram::stale()),
        fingerprint(&IntegerHistogram::stale())
    );
}

#[test]
fn bad_chunks_are_refused() {
    let mut appender = HistogramAppender::<u64>::new(ResetHint::Unknown, true);
    for number in 0..5 {
        assert!(appender.push(number, number / 2, &integer(&[(0, 3)], &[3, number as u64, 1])));
    }
    let good = chunk_of(&appender);
    for length in 0..good.len() {
        let mut columns = HistogramColumns::default();
        assert!(
            decode::<u64>(&good[..length], true, &mut columns).is_err(),
            "{length}"
        );
        assert!(columns.is_empty());
    }
    assert!(decode::<u64>(&[0, 0, 0], true, &mut HistogramColumns::default()).is_ok());
}

/// What a step does to the histogram before it.
#[derive(Clone, Debug)]
enum Change {
    Add(Vec<(usize, u64)>),
    Layout(Vec<(i32, u32)>, Vec<u64>),
    Stale,
    Hint(ResetHint),
}

fn any_change() -> impl Strategy<Value = Change> {
    let hint = prop_oneof![
        Just(ResetHint::Unknown),
        Just(ResetHint::Gauge),
        Just(ResetHint::Reset)
    ];
    prop_oneof![
        8 => prop::collection::vec((0..12_usize, 0..1000_u64), 0..4).prop_map(Change::Add),
        2 => (
            prop::collection::vec((0..3_i32, 0..4_u32), 0..4),
            prop::collection::vec(0..100_u64, 12),
        ).prop_map(|(spans, counts)| Change::Layout(spans, counts)),
        1 => Just(Change::Stale),
        1 => hint.prop_map(Change::Hint),
    ]
}

fn samples_of(changes: &[(i64, i64, Change)]) -> Vec<Sample<u64>> {
    let mut now = integer(&[(0, 2), (2, 2)], &[1, 2, 3, 4]);
    let mut time = 0;
    let mut samples = Vec::new();
    for (delta, start, change) in changes {
        time += delta;
        let mut sample = None;
        match change {
            Change::Add(additions) => {
                for (index, count) in additions {
                    if let Some(bucket) = now.positive.get_mut(*index) {
                        *bucket += count;
                        now.count += count;
                    }
                }
                now.sum += 1.5;
            }
            Change::Layout(spans, counts) => {
                let length: u32 = spans.iter().map(|span| span.1).sum();
                now = integer(spans, &counts[..length as usize]);
                now.layout = Arc::new(HistogramLayout {
                    negative: now.layout.positive.clone(),
                    ..HistogramLayout::clone(&now.layout)
                });
                now.negative = now.positive.iter().map(|count| count / 2).collect();
                now.count += now.negative.iter().sum::<u64>();
            }
            Change::Stale => sample = Some(IntegerHistogram::stale()),
            Change::Hint(hint) => now.reset_hint = *hint,
        }
        samples.push((time, *start, sample.unwrap_or_else(|| now.clone())));
        if now.reset_hint == ResetHint::Reset {
            now.reset_hint = ResetHint::Unknown;
        }
    }
    samples
}

/// The buckets that are not 0, by their bounds.
fn content(layout: &HistogramLayout, positive: &[f64], negative: &[f64]) -> Vec<(i64, bool, u64)> {
    let mut content = Vec::new();
    for (spans, counts, is_negative) in [
        (&layout.positive, positive, false),
        (&layout.negative, negative, true),
    ] {
        let mut number = 0;
        let mut counts = counts.iter();
        for span in spans {
            number += i64::from(span.offset);
            for _ in 0..span.length {
                let count = *counts.next().unwrap();
                if count != 0.0 {
                    content.push((number, is_negative, count.to_bits()));
                }
                number += 1;
            }
        }
    }
    content
}

/// Encodes samples into as many chunks as it takes and compares what is read with them.
fn check_samples<C: Count>(samples: &[Sample<C>], has_starts: bool) {
    let mut appender = HistogramAppender::<C>::new(ResetHint::Unknown, has_starts);
    let mut chunks = Vec::new();
    for (index, (time, start, sample)) in samples.iter().enumerate() {
        if index % 3 == 1 {
            let chunk = chunk_of(&appender);
            appender = HistogramAppender::resume(&chunk, has_starts).unwrap();
            assert_eq!(chunk_of(&appender), chunk);
        }
        if let Fit::NewChunk(reset) = appender.fit(sample) {
            chunks.push(chunk_of(&appender));
            appender.restart(reset);
        }
        assert!(appender.push(*time, *start, sample));
        assert_eq!(appender.end_ms(), *time);
    }
    chunks.push(chunk_of(&appender));
    let mut columns = HistogramColumns::default();
    let mut exact = Vec::new();
    for chunk in &chunks {
        decode::<C>(chunk, has_starts, &mut columns).unwrap();
        exact.extend(read_exact::<C>(chunk, has_starts));
    }
    assert_eq!(columns.len(), samples.len());
    assert_eq!(exact.len(), samples.len());
    for (index, ((time, start, sample), (read_time, read_start, read))) in
        samples.iter().zip(&exact).enumerate()
    {
        let view = columns.get(index).unwrap();
        assert_eq!((columns.timestamps_ms[index], *read_time), (*time, *time));
        let start = if has_starts { *start } else { 0 };
        assert_eq!((columns.start_timestamp_ms(index), *read_start), (start, start));
        assert_eq!(
            (view.sum.to_bits(), read.sum.to_bits()),
            (sample.sum.to_bits(), sample.sum.to_bits())
        );
        assert_eq!((view.count, read.count), (sample.count.to_float(), sample.count));
        assert_eq!(view.is_integer, C::IS_INTEGER);
        assert_eq!(view.reset_hint, read.reset_hint);
        let floats = |counts: &[C]| counts.iter().map(|count| count.to_float()).collect::<Vec<_>>();
        let expected = content(
            &sample.layout,
            &floats(&sample.positive),
            &floats(&sample.negative),
        );
        assert_eq!(content(view.layout, view.positive, view.negative), expected);
        assert_eq!(
            content(&read.layout, &floats(&read.positive), &floats(&read.negative)),
            expected
        );
        if sample.reset_hint == ResetHint::Gauge && sample.sum.to_bits() != STALE_NAN.to_bits() {
            assert_eq!(view.reset_hint, ResetHint::Gauge);
        }
    }
}

fn any_changes() -> impl Strategy<Value = Vec<(i64, i64, Change)>> {
    let start = prop_oneof![3 => Just(0_i64), 3 => Just(-5), 1 => -1000..1000_i64];
    prop::collection::vec((1..20_000_i64, start, any_change()), 1..40)
}

proptest! {
    #[test]
    fn round_trip(has_starts in any::<bool>(), changes in any_changes()) {
        let samples = samples_of(&changes);
        check_samples(&samples, has_starts);
        let floats: Vec<Sample<f64>> = samples
            .iter()
            .map(|(time, start, sample)| (*time, *start, to_float(sample)))
            .collect();
        check_samples(&floats, has_starts);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut columns = HistogramColumns::default();
        for has_starts in [false, true] {
            let _ = decode::<u64>(&bytes, has_starts, &mut columns);
            let _ = decode::<f64>(&bytes, has_starts, &mut columns);
        }
    }
}
