//! Golden bytes made by hand from the layout, and round trips.

use moheng_metrics::STALE_NAN;
use proptest::prelude::*;

use super::*;

fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut appender = XorAppender::default();
    for &(timestamp_ms, value) in samples {
        appender.push(timestamp_ms, value);
    }
    let mut chunk = Vec::new();
    appender.write_to(&mut chunk);
    assert_eq!(chunk.len(), appender.size_bytes());
    chunk
}

fn decode_all(chunk: &[u8]) -> Result<Vec<(i64, u64)>, ChunkError> {
    let mut floats = FloatColumns::default();
    decode(chunk, &mut floats)?;
    let values = floats.values.iter().map(|value| value.to_bits());
    Ok(floats.timestamps_ms.iter().copied().zip(values).collect())
}

/// Bits written as text, blanks ignored, the last byte filled with zeros.
fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| matches!(byte, b'0' | b'1')).collect();
    digits
        .chunks(8)
        .map(|byte| {
            byte.iter()
                .enumerate()
                .fold(0, |sum, (index, digit)| sum | (digit - b'0') << (7 - index))
        })
        .collect()
}

/// The first two samples are (1000, 1.0) and (2000, 1.0); `after` are the bits behind t1 - t0.
fn check(samples: &[(i64, f64)], after: &str) {
    let mut expected = vec![
        0,
        samples.len() as u8,
        0xd0,
        0x0f,
        0x3f,
        0xf0,
        0,
        0,
        0,
        0,
        0,
        0,
        0xe8,
        0x07,
    ];
    expected.extend(bits(after));
    assert_eq!(encode(samples), expected);
    let exact: Vec<_> = samples
        .iter()
        .map(|&(time, value)| (time, value.to_bits()))
        .collect();
    assert_eq!(decode_all(&expected), Ok(exact));
}

#[test]
fn first_samples() {
    assert_eq!(
        encode(&[(1000, 1.0)]),
        [0, 1, 0xd0, 0x0f, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(encode(&[(-1, 0.0)]), [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    check(&[(1000, 1.0), (2000, 1.0)], "0");
}

#[test]
fn values() {
    // 2.0 ^ 1.0 = 7ff0 0000 0000 0000: 1 leading zero, 52 trailing, width 11.
    check(&[(1000, 1.0), (2000, 2.0)], "11 00001 001011 11111111111");
    // Back to 1.0 is the same XOR: reuse of the window.
    check(
        &[(1000, 1.0), (2000, 2.0), (3000, 1.0)],
        "11 00001 001011 11111111111  0 10 11111111111",
    );
    // 1.5 ^ 1.0 = 0008 0000 0000 0000: fits the window 1..12 as 0000 0000 001 0.. no: bit 51 lies behind it, so a new one.
    check(
        &[(1000, 1.0), (2000, 2.0), (3000, 1.0), (4000, 1.5)],
        "11 00001 001011 11111111111  0 10 11111111111  0 11 01100 000001 1",
    );
}

#[test]
fn a_window_of_64_bits_is_written_as_zero() {
    let other = f64::from_bits(1.0_f64.to_bits() ^ 0x8000_0000_0000_0001);
    let after = format!("11 00000 000000 1{}1", "0".repeat(62));
    check(&[(1000, 1.0), (2000, other)], &after);
}

#[test]
fn more_leading_zeros_than_five_bits_hold() {
    // XOR = 1: 63 leading zeros are capped at 31, so the width is 33.
    let other = f64::from_bits(1.0_f64.to_bits() ^ 1);
    let after = format!("11 11111 100001 {}1", "0".repeat(32));
    check(&[(1000, 1.0), (2000, other)], &after);
}

#[test]
fn timestamps() {
    let case = |delta_of_delta: i64, bits: &str| {
        check(
            &[(1000, 1.0), (2000, 1.0), (3000 + delta_of_delta, 1.0)],
            &format!("0 {bits} 0"),
        );
    };
    case(0, "0");
    case(1, "10 00000000000001");
    case(-1, "10 11111111111111");
    case(8192, "10 10000000000000");
    case(8193, "110 00010000000000001");
    case(65536, "110 10000000000000000");
    case(65537, "1110 00010000000000000001");
    case(524_288, "1110 10000000000000000000");
    case(
        524_289,
        "1111 0000000000000000000000000000000000000000000010000000000000000001",
    );
}

#[test]
fn negative_bounds_of_timestamps() {
    let case = |delta_of_delta: i64, width: u32, prefix: &str| {
        let (first, second) = (0, 1 << 40);
        let third = second + (1 << 40) + delta_of_delta;
        let chunk = encode(&[(first, 0.0), (second, 0.0), (third, 0.0)]);
        // count, t0, v0, six bytes of delta, one bit of value, then the code.
        let code = BitWindow::new(&chunk[2 + 1 + 8 + 6..]);
        let prefix_bits = prefix.len() as u32;
        let expected = u64::from_str_radix(prefix, 2).unwrap();
        assert_eq!(code.read(1, prefix_bits), expected, "{delta_of_delta}");
        let low = delta_of_delta as u64 & (u64::MAX >> (64 - width));
        assert_eq!(code.read(1 + prefix.len(), width), low, "{delta_of_delta}");
        assert_eq!(decode_all(&chunk).unwrap()[2].0, third);
    };
    case(-8191, 14, "10");
    case(-8192, 17, "110");
    case(-65535, 17, "110");
    case(-65536, 20, "1110");
    case(-524_287, 20, "1110");
    case(-524_288, 64, "1111");
}

#[test]
fn bad_chunks_are_refused() {
    let good = encode(&[(1000, 1.0), (2000, 2.0), (3500, 3.0), (5000, STALE_NAN)]);
    for length in 0..good.len() {
        let mut floats = FloatColumns::default();
        floats.push(7, 7.0);
        assert!(decode(&good[..length], &mut floats).is_err(), "{length}");
        assert_eq!(floats.len(), 1);
    }
    let mut wide = vec![0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    wide.extend(bits("11 11111 111111 0000"));
    wide.extend([0; 16]);
    assert_eq!(decode_all(&wide), Err(ChunkError::InvalidWidth));
    assert_eq!(decode_all(&[0xff, 0xff, 0, 0]), Err(ChunkError::UnexpectedEnd));
    assert_eq!(decode_all(&[0, 0]), Ok(vec![]));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_i32..5).prop_map(f64::from),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(STALE_NAN),
        2 => -1e6..1e6_f64,
    ]
}

fn any_delta() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(15_000_i64), 3 => 14_990_i64..15_010, 2 => 1_i64..2_000_000, 1 => 1_i64..(1 << 45)]
}

proptest! {
    #[test]
    fn round_trip(start in -(1_i64 << 50)..(1 << 50), steps in prop::collection::vec((any_delta(), any_value()), 0..300)) {
        let mut time = start;
        let samples: Vec<(i64, f64)> = steps.iter().map(|&(delta, value)| {
            time += delta;
            (time, value)
        }).collect();
        if !samples.is_empty() {
            let exact: Vec<_> = samples.iter().map(|&(time, value)| (time, value.to_bits())).collect();
            prop_assert_eq!(decode_all(&encode(&samples)).unwrap(), exact);
        }
    }

    #[test]
    fn an_appender_goes_on_with_a_chunk(steps in prop::collection::vec((any_delta(), any_value()), 1..150), at in 0_usize..150) {
        let mut time = 0;
        let samples: Vec<(i64, f64)> = steps.iter().map(|&(delta, value)| {
            time += delta;
            (time, value)
        }).collect();
        let (before, after) = samples.split_at(at.min(samples.len()));
        let mut floats = FloatColumns::default();
        let chunk = if before.is_empty() { vec![0, 0] } else { encode(before) };
        let mut appender = XorAppender::resume(&chunk, &mut floats).unwrap();
        prop_assert_eq!(floats.len(), before.len());
        prop_assert_eq!(usize::from(appender.sample_count()), before.len());
        for &(time, value) in after {
            appender.push(time, value);
        }
        prop_assert_eq!((appender.end_ms(), appender.value_bits()), samples.last().map(|&(time, value)| (time, value.to_bits())).unwrap());
        let mut again = Vec::new();
        appender.write_to(&mut again);
        prop_assert_eq!(again, encode(&samples));
    }

    #[test]
    fn extreme_timestamps(a in any::<i64>(), b in any::<i64>(), c in any::<i64>()) {
        let mut times = [a, b, c];
        times.sort_unstable();
        let samples: Vec<_> = times.iter().map(|&time| (time, 1.0_f64)).collect();
        let exact: Vec<_> = samples.iter().map(|&(time, value)| (time, value.to_bits())).collect();
        prop_assert_eq!(decode_all(&encode(&samples)).unwrap(), exact);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(&bytes);
    }
}
