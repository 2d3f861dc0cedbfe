//! Golden bytes made by hand from the layout, and round trips.

use proptest::prelude::*;

use super::*;

type Sample = (i64, i64, f64);

fn encode(samples: &[Sample]) -> Vec<u8> {
    let mut appender = Xor2Appender::default();
    for &(timestamp_ms, start_ms, value) in samples {
        appender.push(timestamp_ms, start_ms, value);
    }
    let mut chunk = Vec::new();
    appender.write_to(&mut chunk);
    assert_eq!(chunk.len(), appender.size_bytes());
    chunk
}

fn decode_all(chunk: &[u8]) -> Result<Vec<(i64, i64, u64)>, ChunkError> {
    let mut floats = FloatColumns::default();
    floats.push(0, 0.0);
    let outcome = decode(chunk, &mut floats);
    if outcome.is_err() {
        assert_eq!(floats.len(), 1, "left as it was");
    }
    outcome?;
    let read = (1..floats.len()).map(|index| {
        let value = floats.values[index].to_bits();
        (
            floats.timestamps_ms[index],
            floats.start_timestamp_ms(index),
            value,
        )
    });
    Ok(read.collect())
}

fn exact(samples: &[Sample]) -> Vec<(i64, i64, u64)> {
    samples
        .iter()
        .map(|&(timestamp_ms, start_ms, value)| (timestamp_ms, start_ms, value.to_bits()))
        .collect()
}

/// Bits written as text, blanks ignored, the last byte filled with zeros.
fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| matches!(byte, b'0' | b'1')).collect();
    let byte = |digits: &[u8]| {
        let shifted = digits.iter().zip((0..8).rev());
        shifted.fold(0, |sum, (digit, shift)| sum | (digit - b'0') << shift)
    };
    digits.chunks(8).map(byte).collect()
}

/// The first two samples are at 1000 and 2000 with value 1; `after` are the bits behind t1 - t0.
fn check(header: u8, samples: &[Sample], after: &str) {
    let mut expected = vec![0, samples.len() as u8, header, 0xd0, 0x0f, 0x3f, 0xf0];
    expected.extend([0; 6]);
    expected.extend([0xe8, 0x07]);
    expected.extend(bits(after));
    assert_eq!(encode(samples), expected);
    assert_eq!(decode_all(&expected).unwrap(), exact(samples));
}

const A: Sample = (1000, 0, 1.0);
const B: Sample = (2000, 0, 1.0);

#[test]
fn times_and_values_share_their_prefix() {
    check(0, &[A, B], "0");
    check(0, &[A, B, (3000, 0, 1.0), (4000, 0, 1.0)], "0 0 0");
    // 2.0 ^ 1.0 = 7ff0...: 1 leading zero, 52 trailing, width 11.
    let window = "00001 001011 11111111111";
    check(0, &[A, (2000, 0, 2.0)], &format!("110 {window}"));
    check(0, &[A, B, (3000, 0, 2.0)], &format!("0 101 {window}"));
    check(
        0,
        &[A, (2000, 0, 2.0), (3000, 0, 1.0), (4001, 0, 2.0)],
        &format!("110 {window} 100 11111111111 110 0000000000001 10 11111111111"),
    );
    check(0, &[A, B, (3001, 0, 1.0)], "0 110 0000000000001 0");
    check(0, &[A, B, (2999, 0, 1.0)], "0 110 1111111111111 0");
    check(0, &[A, B, (3000 + 4095, 0, 1.0)], "0 110 0111111111111 0");
    check(0, &[A, B, (3000 + 4096, 0, 1.0)], "0 1110 00000001000000000000 0");
    check(
        0,
        &[A, B, (3000 + 524_288, 0, 1.0)],
        &format!("0 11110 {:064b} 0", 524_288),
    );
}

#[test]
fn stale_markers_are_short_and_leave_the_value() {
    check(0, &[A, B, (3000, 0, STALE_NAN), (4000, 0, 1.0)], "0 11111 0");
    check(0, &[A, B, (3001, 0, STALE_NAN)], "0 110 0000000000001 111");
    check(0, &[A, (2000, 0, STALE_NAN), (3000, 0, 1.0)], "111 0");
    let first = [(1000, 0, STALE_NAN), (2000, 0, 0.0), (3000, 0, STALE_NAN)];
    assert_eq!(decode_all(&encode(&first)).unwrap(), exact(&first));
}

#[test]
fn starts_are_written_once_they_change() {
    // 1000 - 900 = 100, zig-zag 200: c8 01.
    let mut expected = vec![
        0, 2, 0x80, 0xd0, 0x0f, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc8, 0x01, 0xe8, 0x07,
    ];
    expected.push(0);
    let samples = [(1000, 900, 1.0), (2000, 900, 1.0)];
    assert_eq!(encode(&samples), expected);
    assert_eq!(decode_all(&expected).unwrap(), exact(&samples));
    // The second sample is the first with a start: 1000 - 996 = 4.
    check(1, &[A, (2000, 996, 1.0)], "0 10 100");
    // The third: 2000 - 1500 = 500; the fourth 3000 - 2499 = 501, which is 1 more.
    check(
        2,
        &[A, B, (3000, 1500, 1.0), (4000, 2499, 1.0)],
        "0 0 11110 000111110100 0 10 001",
    );
}

#[test]
fn from_sample_127_on_starts_are_written() {
    let samples: Vec<Sample> = (0..140).map(|index| (index * 1000, 0, 1.0)).collect();
    let chunk = encode(&samples);
    assert_eq!(chunk[2], 127);
    assert_eq!(decode_all(&chunk).unwrap(), exact(&samples));
    assert_eq!(encode(&samples[..127])[2], 0);
}

#[test]
fn bad_chunks_are_refused() {
    let good = encode(&[A, B, (3500, 77, 3.0), (5000, 78, STALE_NAN)]);
    for length in 0..good.len() {
        assert!(decode_all(&good[..length]).is_err(), "{length}");
    }
    assert_eq!(decode_all(&[0xff, 0xff, 0, 0, 0]), Err(ChunkError::UnexpectedEnd));
    assert_eq!(decode_all(&[0, 0, 0]), Ok(vec![]));
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let delta = prop_oneof![6 => Just(15_000_i64), 3 => 14_990_i64..15_010, 2 => 1_i64..2_000_000, 1 => 1_i64..(1 << 45)];
    let start = prop_oneof![4 => Just(0_i64), 4 => Just(77), 1 => any::<i64>(), 2 => 0..100_000_i64];
    let value = prop_oneof![
        4 => (0_i32..3).prop_map(f64::from),
        2 => any::<u64>().prop_map(f64::from_bits),
        2 => Just(STALE_NAN),
    ];
    (delta, start, value)
}

proptest! {
    #[test]
    fn round_trip(has_starts in any::<bool>(), steps in prop::collection::vec(any_sample(), 1..300)) {
        let mut time = 0;
        let samples: Vec<Sample> = steps.iter().map(|&(delta, start, value)| {
            time += delta;
            (time, if has_starts { start } else { 0 }, value)
        }).collect();
        prop_assert_eq!(decode_all(&encode(&samples)).unwrap(), exact(&samples));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(&bytes);
    }
}
