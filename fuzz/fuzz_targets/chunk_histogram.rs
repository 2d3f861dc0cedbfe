//! Any bytes as a chunk of histograms; whatever was read is written to chunks and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{HistogramColumns, SampleBuffer};
use moheng_tsdb::testing::{ChunkBuilder, ChunkEncoding, decode_chunk};

fuzz_target!(|bytes: &[u8]| {
    for encoding in [ChunkEncoding::Histogram, ChunkEncoding::HistogramWithStarts] {
        let mut read = SampleBuffer::new();
        if !decode_chunk(encoding, bytes, &mut read) {
            assert!(read.is_empty(), "a damaged chunk leaves nothing behind");
        }
    }
    for encoding in [
        ChunkEncoding::FloatHistogram,
        ChunkEncoding::FloatHistogramWithStarts,
    ] {
        let mut read = SampleBuffer::new();
        if decode_chunk(encoding, bytes, &mut read) {
            write_again(encoding, &read.histograms);
        } else {
            assert!(read.is_empty(), "a damaged chunk leaves nothing behind");
        }
    }
});

fn write_again(encoding: ChunkEncoding, columns: &HistogramColumns) {
    let samples: Vec<FloatHistogram> = columns.iter().map(|(_, view)| view.to_float()).collect();
    let mut builder = ChunkBuilder::new(encoding);
    let mut added = 0;
    for (index, sample) in samples.iter().enumerate() {
        if !builder.push_float(
            columns.timestamps_ms[index],
            columns.start_timestamp_ms(index),
            sample,
        ) {
            break;
        }
        added += 1;
    }
    let mut chunk = Vec::new();
    builder.write_to(&mut chunk);
    let mut again = SampleBuffer::new();
    assert!(decode_chunk(encoding, &chunk, &mut again) || added == 0);
    assert_eq!(again.histograms.len(), added);
    for (index, (timestamp_ms, view)) in again.histograms.iter().enumerate() {
        assert_eq!(timestamp_ms, columns.timestamps_ms[index]);
        assert_eq!(view.sum.to_bits(), samples[index].sum.to_bits());
        let total = |counts: &[f64]| counts.iter().filter(|count| count.to_bits() != 0).count();
        assert_eq!(total(view.positive), total(&samples[index].positive));
    }
}
