//! Any bytes as a chunk of floats, and any floats through chunks and back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::SampleBuffer;
use moheng_tsdb::testing::{ChunkBuilder, ChunkEncoding, decode_chunk};

fuzz_target!(|bytes: &[u8]| {
    check(ChunkEncoding::Xor, bytes);
    check(ChunkEncoding::Xor2, bytes);
});

fn check(encoding: ChunkEncoding, bytes: &[u8]) {
    let mut read = SampleBuffer::new();
    if !decode_chunk(encoding, bytes, &mut read) {
        assert!(read.is_empty(), "a damaged chunk leaves nothing behind");
    }
    let mut builder = ChunkBuilder::new(encoding);
    let mut samples = Vec::new();
    let mut timestamp_ms = 0_i64;
    for piece in bytes.chunks_exact(5).take(usize::from(u16::MAX)) {
        let step = i64::from(u16::from_be_bytes([piece[0], piece[1]]));
        // Small steps mostly, and now and then a huge one.
        timestamp_ms += 1 + if step > 0xfff0 { step << 30 } else { step };
        let value = f64::from_bits(u64::from(u16::from_be_bytes([piece[2], piece[3]])) << (step % 49));
        let start_ms = match encoding {
            ChunkEncoding::Xor2 => i64::from(piece[4] / 32) * 1000,
            _ => 0,
        };
        builder.push_with_start(timestamp_ms, start_ms, value);
        samples.push((timestamp_ms, start_ms, value.to_bits()));
    }
    if samples.is_empty() {
        return;
    }
    let mut chunk = Vec::new();
    builder.write_to(&mut chunk);
    read.clear();
    assert!(decode_chunk(encoding, &chunk, &mut read));
    let floats = &read.floats;
    let again: Vec<(i64, i64, u64)> = (0..floats.len())
        .map(|index| {
            let value = floats.values[index].to_bits();
            (
                floats.timestamps_ms[index],
                floats.start_timestamp_ms(index),
                value,
            )
        })
        .collect();
    assert_eq!(again, samples);
}
