//! The bucket layout of a histogram chunk: how it is written, and how two layouts are merged.
//!
//! `zero threshold | schema varbit | positive spans | negative spans | custom bounds`, the last only with custom buckets. Spans are
//! `count varbit unsigned | {length varbit unsigned, offset varbit}*`. A zero threshold of 0 is the byte 0, 2^n from 2^-243
//! to 2^10 the byte n + 244, any other the byte 255 and 64 bits. A bound that is a whole number of thousandths up to
//! 33,554,430 is that number + 1 as unsigned varbit, any other a zero bit and 64 bits.

use std::sync::Arc;

use moheng_metrics::histogram::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, HistogramLayout, MAX_SCHEMA, MIN_SCHEMA};

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::varbit::{put_signed, put_unsigned, read_signed, read_unsigned};

/// The zero threshold follows in full.
const THRESHOLD_ESCAPE: u8 = 0xff;
/// Between the exponent of a power of two, as IEEE 754 stores it, and its byte: 1023 - 244.
const THRESHOLD_BIAS: u64 = 779;
const MANTISSA_BITS: u32 = 52;

/// The largest number of thousandths that is written as an integer.
const THOUSANDTHS_MAX: f64 = 33_554_430.0;

/// Writes what [`read_layout`] reads.
pub(super) fn put_layout(writer: &mut BitWriter, layout: &HistogramLayout) {
    let code = threshold_code(layout.zero_threshold);
    writer.push(u64::from(code), 8);
    if code == THRESHOLD_ESCAPE {
        writer.push(layout.zero_threshold.to_bits(), 64);
    }
    put_signed(writer, i64::from(layout.schema));
    for spans in [&layout.positive, &layout.negative] {
        put_unsigned(writer, spans.len() as u64);
        for span in spans {
            put_unsigned(writer, u64::from(span.length));
            put_signed(writer, i64::from(span.offset));
        }
    }
    if layout.is_custom() {
        put_unsigned(writer, layout.custom_bounds.len() as u64);
        for &bound in &layout.custom_bounds {
            if let Some(number) = thousandths(bound) {
                put_unsigned(writer, number + 1);
            } else {
                writer.push(0, 1);
                writer.push(bound.to_bits(), 64);
            }
        }
    }
}

fn threshold_code(threshold: f64) -> u8 {
    let bits = threshold.to_bits();
    if threshold == 0.0 {
        return 0;
    }
    let exponent = bits >> MANTISSA_BITS;
    if bits.trailing_zeros() < MANTISSA_BITS {
        return THRESHOLD_ESCAPE;
    }
    match exponent.checked_sub(THRESHOLD_BIAS) {
        Some(code @ 1..=254) => code as u8,
        _ => THRESHOLD_ESCAPE,
    }
}

fn thousandths(bound: f64) -> Option<u64> {
    let number = bound * 1000.0;
    if !(0.0..=THOUSANDTHS_MAX).contains(&number) {
        return None;
    }
    let number = number.round();
    (number / 1000.0 == bound).then_some(number as u64)
}

/// Reads a layout; the number of its buckets is at most that of the bits behind it.
pub(super) fn read_layout(reader: &mut BitReader<'_>) -> Result<HistogramLayout, ChunkError> {
    let zero_threshold = match reader.read(8) {
        0 => 0.0,
        code if code == u64::from(THRESHOLD_ESCAPE) => f64::from_bits(reader.read(64)),
        code => f64::from_bits((code + THRESHOLD_BIAS) << MANTISSA_BITS),
    };
    let schema = i8::try_from(read_signed(reader))
        .ok()
        .filter(|schema| (MIN_SCHEMA..=MAX_SCHEMA).contains(schema) || *schema == CUSTOM_BUCKETS_SCHEMA)
        .ok_or(ChunkError::InvalidLayout)?;
    let positive = read_spans(reader)?;
    let negative = read_spans(reader)?;
    let mut layout = HistogramLayout {
        schema,
        zero_threshold,
        positive,
        negative,
        custom_bounds: Vec::new(),
    };
    if layout.is_custom() {
        let count = bounded(read_unsigned(reader), reader)?;
        layout.custom_bounds.reserve(count);
        for _ in 0..count {
            layout.custom_bounds.push(match read_unsigned(reader) {
                0 => f64::from_bits(reader.read(64)),
                number => (number - 1) as f64 / 1000.0,
            });
        }
    }
    if reader.is_past_end() {
        return Err(ChunkError::UnexpectedEnd);
    }
    let buckets: u64 = layout
        .positive
        .iter()
        .chain(&layout.negative)
        .map(|span| u64::from(span.length))
        .sum();
    bounded(buckets, reader)?;
    Ok(layout)
}

fn read_spans(reader: &mut BitReader<'_>) -> Result<Vec<BucketSpan>, ChunkError> {
    let count = bounded(read_unsigned(reader), reader)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let length = u32::try_from(read_unsigned(reader)).map_err(|_| ChunkError::InvalidLayout)?;
        let offset = i32::try_from(read_signed(reader)).map_err(|_| ChunkError::InvalidLayout)?;
        spans.push(BucketSpan { offset, length });
    }
    Ok(spans)
}

/// A count of things that take at least a bit each.
fn bounded(count: u64, reader: &BitReader<'_>) -> Result<usize, ChunkError> {
    usize::try_from(count)
        .ok()
        .filter(|&count| count <= reader.remaining())
        .ok_or(ChunkError::UnexpectedEnd)
}

/// How the buckets of a histogram and those of a chunk relate.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Relation {
    /// They are the same.
    Same,
    /// The chunk has all buckets of the histogram, and others.
    ChunkIsWider,
    /// The histogram has buckets the chunk does not have; with this layout the chunk has all of both.
    Merged(Arc<HistogramLayout>),
    /// A bucket of the chunk has observations and the histogram has fewer in it, or does not have it.
    Fewer,
}

/// One side of a layout with its counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a, C> {
    pub(super) spans: &'a [BucketSpan],
    pub(super) counts: &'a [C],
}

impl<C: Copy> Side<'_, C> {
    /// The buckets with their numbers, ascending.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (i64, C)> {
        bucket_numbers(self.spans).zip(self.counts.iter().copied())
    }
}

/// The numbers of the buckets, ascending.
fn bucket_numbers(spans: &[BucketSpan]) -> impl Iterator<Item = i64> {
    let mut next = 0_i64;
    spans.iter().flat_map(move |span| {
        let first = next.saturating_add(i64::from(span.offset));
        next = first.saturating_add(i64::from(span.length));
        first..next
    })
}

/// Relates the positive and negative buckets of a chunk, with the counts of its last sample, to those of the next histogram;
/// everything but the buckets is the same. For a gauge, counts may become fewer.
pub(super) fn relate<C: Copy + Default + PartialOrd>(
    chunk: &[Side<'_, C>; 2],
    histogram: &[Side<'_, C>; 2],
    histogram_layout: &Arc<HistogramLayout>,
    is_gauge: bool,
) -> Relation {
    let [positive, negative] = [0, 1].map(|side| match (chunk.get(side), histogram.get(side)) {
        (Some(chunk), Some(histogram)) => Merge::new(chunk, histogram, is_gauge),
        _ => Some(Merge::default()),
    });
    let (Some(positive), Some(negative)) = (positive, negative) else {
        return Relation::Fewer;
    };
    if !positive.is_chunk_narrower && !negative.is_chunk_narrower {
        return if positive.is_chunk_wider || negative.is_chunk_wider {
            Relation::ChunkIsWider
        } else {
            Relation::Same
        };
    }
    if !positive.is_chunk_wider && !negative.is_chunk_wider {
        return Relation::Merged(Arc::clone(histogram_layout));
    }
    let pick = |merge: Merge, spans: &[BucketSpan]| {
        if is_gauge || merge.is_chunk_wider {
            merge.spans
        } else {
            spans.to_vec()
        }
    };
    Relation::Merged(Arc::new(HistogramLayout {
        positive: pick(positive, &histogram_layout.positive),
        negative: pick(negative, &histogram_layout.negative),
        ..HistogramLayout::clone(histogram_layout)
    }))
}

/// The union of the buckets of one side.
#[derive(Debug, Default)]
struct Merge {
    spans: Vec<BucketSpan>,
    next: i64,
    is_chunk_wider: bool,
    is_chunk_narrower: bool,
}

impl Merge {
    /// `None` when there are fewer observations in a bucket than before.
    fn new<C: Copy + Default + PartialOrd>(
        chunk: &Side<'_, C>,
        histogram: &Side<'_, C>,
        is_gauge: bool,
    ) -> Option<Self> {
        let mut merge = Self::default();
        let mut before = chunk.buckets().peekable();
        let mut after = histogram.buckets().peekable();
        loop {
            let (old, new) = (before.peek().copied(), after.peek().copied());
            let number = match (old, new) {
                (None, None) => return Some(merge),
                (Some((old, _)), Some((new, _))) => old.min(new),
                (Some((number, _)), None) | (None, Some((number, _))) => number,
            };
            let old = old.filter(|bucket| bucket.0 == number).map(|bucket| bucket.1);
            let new = new.filter(|bucket| bucket.0 == number).map(|bucket| bucket.1);
            if old.is_some() {
                before.next();
            }
            if new.is_some() {
                after.next();
            }
            merge.is_chunk_wider |= new.is_none();
            merge.is_chunk_narrower |= old.is_none();
            if !is_gauge && new.unwrap_or_default() < old.unwrap_or_default() {
                return None;
            }
            merge.add(number);
        }
    }

    fn add(&mut self, number: i64) {
        match self.spans.last_mut() {
            Some(last) if self.next == number => last.length = last.length.saturating_add(1),
            _ => self.spans.push(BucketSpan {
                offset: i32::try_from(number.saturating_sub(self.next)).unwrap_or(i32::MAX),
                length: 1,
            }),
        }
        self.next = number.saturating_add(1);
    }
}

/// Appends the counts of one side to `out`, as the buckets of `spans`, which has all of its buckets.
pub(super) fn spread<C: Copy + Default>(side: Side<'_, C>, spans: &[BucketSpan], out: &mut Vec<C>) {
    let mut buckets = side.buckets().peekable();
    out.extend(bucket_numbers(spans).map(|number| {
        while buckets.next_if(|bucket| bucket.0 < number).is_some() {}
        buckets
            .next_if(|bucket| bucket.0 == number)
            .map_or_else(C::default, |bucket| bucket.1)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(layout: &HistogramLayout) -> usize {
        let mut writer = BitWriter::default();
        put_layout(&mut writer, layout);
        let bits = writer.size_bytes();
        // Room for the buckets.
        for _ in 0..100 {
            writer.push(0, 64);
        }
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes);
        assert_eq!(&read_layout(&mut BitReader::new(&bytes)).unwrap(), layout);
        bits
    }

    #[test]
    fn zero_thresholds() {
        for (threshold, code) in [
            (0.0, 0),
            (2.0_f64.powi(-243), 1),
            (2.0_f64.powi(-128), 116),
            (1.0, 244),
            (1024.0, 254),
            (2048.0, THRESHOLD_ESCAPE),
            (2.0_f64.powi(-244), THRESHOLD_ESCAPE),
            (1e-3, THRESHOLD_ESCAPE),
            (-1.0, THRESHOLD_ESCAPE),
            (f64::INFINITY, THRESHOLD_ESCAPE),
        ] {
            assert_eq!(threshold_code(threshold), code, "{threshold}");
            round_trip(&HistogramLayout::exponential(3, threshold));
        }
    }

    #[test]
    fn custom_bounds() {
        assert_eq!(thousandths(0.005), Some(5));
        assert_eq!(thousandths(33_554.43), Some(33_554_430));
        for bound in [33_554.431, -1.0, 0.0005, f64::NAN, f64::INFINITY, 1.0 / 3.0] {
            assert_eq!(thousandths(bound), None, "{bound}");
        }
        let mut layout = HistogramLayout::custom(vec![0.005, 0.01, 0.1, 1.0, 2.5, 1.0 / 3.0, 1e9]);
        layout.positive.push(BucketSpan { offset: 0, length: 8 });
        round_trip(&layout);
    }

    fn spans(list: &[(i32, u32)]) -> Vec<BucketSpan> {
        list.iter()
            .map(|&(offset, length)| BucketSpan { offset, length })
            .collect()
    }

    fn check_relation(
        (old, old_counts): (&[(i32, u32)], &[u64]),
        (new, new_counts): (&[(i32, u32)], &[u64]),
        is_gauge: bool,
        expected: &str,
    ) {
        let (old, new) = (spans(old), spans(new));
        let layout = Arc::new(HistogramLayout {
            positive: new.clone(),
            ..HistogramLayout::exponential(0, 0.0)
        });
        let none = Side::<u64> {
            spans: &[],
            counts: &[],
        };
        let before = Side {
            spans: &old,
            counts: old_counts,
        };
        let after = Side {
            spans: &new,
            counts: new_counts,
        };
        let found = match relate(&[before, none], &[after, none], &layout, is_gauge) {
            Relation::Same => "same".to_owned(),
            Relation::ChunkIsWider => "wider".to_owned(),
            Relation::Fewer => "fewer".to_owned(),
            Relation::Merged(merged) => {
                let mut out = Vec::new();
                spread(after, &merged.positive, &mut out);
                let spans: Vec<_> = merged
                    .positive
                    .iter()
                    .map(|span| (span.offset, span.length))
                    .collect();
                format!("{spans:?} {out:?}")
            }
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn layouts_are_merged() {
        let old: (&[(i32, u32)], &[u64]) = (&[(0, 2), (1, 1)], &[1, 2, 3]);
        check_relation(old, (&[(0, 2), (1, 1)], &[1, 2, 3]), false, "same");
        check_relation(old, (&[(0, 1), (0, 1), (1, 1)], &[1, 2, 9]), false, "same");
        check_relation(old, (&[(0, 2), (1, 1)], &[1, 2, 2]), false, "fewer");
        check_relation(old, (&[(0, 2), (1, 1)], &[1, 2, 2]), true, "same");
        check_relation(old, (&[(0, 2)], &[1, 2]), false, "fewer");
        check_relation(old, (&[(0, 2)], &[1, 2]), true, "wider");
        check_relation((&[(0, 2)], &[1, 0]), (&[(0, 1)], &[1]), false, "wider");
        check_relation(old, (&[(0, 4)], &[1, 2, 5, 3]), false, "[(0, 4)] [1, 2, 5, 3]");
        check_relation(
            (&[(0, 2)], &[0, 2]),
            (&[(1, 1), (2, 2)], &[2, 7, 8]),
            false,
            "[(0, 2), (2, 2)] [0, 2, 7, 8]",
        );
        check_relation(
            (&[(-3, 1)], &[5]),
            (&[(2, 1)], &[6]),
            true,
            "[(-3, 1), (4, 1)] [0, 6]",
        );
    }

    #[test]
    fn bad_layouts_are_refused() {
        let mut writer = BitWriter::default();
        put_layout(&mut writer, &HistogramLayout::exponential(2, 0.5));
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(
                read_layout(&mut BitReader::new(&bytes[..length])),
                Err(ChunkError::UnexpectedEnd)
            );
        }
        let mut many = HistogramLayout::exponential(2, 0.5);
        many.positive.push(BucketSpan {
            offset: 0,
            length: u32::MAX,
        });
        let mut writer = BitWriter::default();
        put_layout(&mut writer, &many);
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes);
        assert_eq!(
            read_layout(&mut BitReader::new(&bytes)),
            Err(ChunkError::UnexpectedEnd)
        );
        let mut writer = BitWriter::default();
        put_layout(&mut writer, &HistogramLayout::exponential(9, 0.5));
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes);
        assert_eq!(
            read_layout(&mut BitReader::new(&bytes)),
            Err(ChunkError::InvalidLayout)
        );
    }
}
