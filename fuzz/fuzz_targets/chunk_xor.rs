//! Any bytes as a chunk, and any samples through a chunk and back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::FloatColumns;
use moheng_tsdb::testing::{ChunkBuilder, decode_chunk};

fuzz_target!(|bytes: &[u8]| {
    let mut floats = FloatColumns::default();
    if !decode_chunk(bytes, &mut floats) {
        assert!(floats.is_empty(), "a damaged chunk leaves nothing behind");
    }

    let mut builder = ChunkBuilder::default();
    let mut samples = Vec::new();
    let mut timestamp_ms = 0_i64;
    for piece in bytes.chunks_exact(4).take(usize::from(u16::MAX)) {
        let step = i64::from(u16::from_be_bytes([piece[0], piece[1]]));
        // Small steps mostly, and now and then a huge one.
        timestamp_ms += 1 + if step > 0xfff0 { step << 30 } else { step };
        let value = f64::from_bits(u64::from(u16::from_be_bytes([piece[2], piece[3]])) << (step % 49));
        builder.push(timestamp_ms, value);
        samples.push((timestamp_ms, value.to_bits()));
    }
    let mut chunk = Vec::new();
    builder.write_to(&mut chunk);
    if samples.is_empty() {
        return;
    }
    floats.clear();
    assert!(decode_chunk(&chunk, &mut floats));
    let values = floats.values.iter().map(|value| value.to_bits());
    let read: Vec<(i64, u64)> = floats.timestamps_ms.iter().copied().zip(values).collect();
    assert_eq!(read, samples);
});
