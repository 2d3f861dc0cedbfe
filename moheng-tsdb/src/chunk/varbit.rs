//! Integers of a variable number of bits: small ones are short.
//!
//! `0` is 0; `10`, `110`, ... `11111110` and `11111111` are followed by 3, 6, 9, 12, 18, 25, 56 and 64 bits. Of n bits, a
//! signed integer uses the range from -2^(n-1)+1 to 2^(n-1), an unsigned one that from 0 to 2^n-1.

use super::bits::{BitReader, BitWriter};

/// How many bits follow a prefix of so many ones.
const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

const LAST: u32 = 8;

/// Writes what [`read_signed`] reads.
#[inline]
pub(super) fn put_signed(writer: &mut BitWriter, value: i64) {
    let ones = match value {
        0 => return writer.push(0, 1),
        -3..=4 => 1,
        -31..=32 => 2,
        -255..=256 => 3,
        -0x7ff..=0x800 => 4,
        -0x1_ffff..=0x2_0000 => 5,
        -0xff_ffff..=0x100_0000 => 6,
        -0x7f_ffff_ffff_ffff..=0x80_0000_0000_0000 => 7,
        _ => LAST,
    };
    put(writer, ones, value as u64);
}

/// Writes what [`read_unsigned`] reads.
#[inline]
pub(super) fn put_unsigned(writer: &mut BitWriter, value: u64) {
    let ones = match 64 - value.leading_zeros() {
        0 => return writer.push(0, 1),
        1..=3 => 1,
        4..=6 => 2,
        7..=9 => 3,
        10..=12 => 4,
        13..=18 => 5,
        19..=25 => 6,
        26..=56 => 7,
        _ => LAST,
    };
    put(writer, ones, value);
}

#[inline]
fn put(writer: &mut BitWriter, ones: u32, value: u64) {
    if ones == LAST {
        writer.push(0xff, 8);
        writer.push(value, 64);
        return;
    }
    let width = WIDTHS.get(ones as usize).copied().unwrap_or_default();
    let prefix = (1_u64 << (ones + 1)) - 2;
    writer.push((prefix << width) | (value & ((1 << width) - 1)), ones + 1 + width);
}

/// Reads a signed integer; 0 behind the end.
#[inline]
pub(super) fn read_signed(reader: &mut BitReader<'_>) -> i64 {
    let (bits, width) = read(reader);
    if width == 0 || width == 64 || bits <= 1 << (width - 1) {
        return bits as i64;
    }
    bits as i64 - (1 << width)
}

/// Reads an unsigned integer; 0 behind the end.
#[inline]
pub(super) fn read_unsigned(reader: &mut BitReader<'_>) -> u64 {
    read(reader).0
}

/// The bits behind a prefix, and how many these are.
#[inline]
fn read(reader: &mut BitReader<'_>) -> (u64, u32) {
    let word = reader.peek();
    let ones = (!word).leading_zeros().min(LAST);
    let width = WIDTHS.get(ones as usize).copied().unwrap_or_default();
    let prefix = (ones + 1).min(LAST);
    if width == 0 {
        reader.skip(1);
        return (0, 0);
    }
    if prefix + width <= 57 {
        reader.skip(prefix + width);
        return (word << prefix >> (64 - width), width);
    }
    reader.skip(prefix);
    (reader.read(width), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits_of(put: impl Fn(&mut BitWriter)) -> (Vec<u8>, usize) {
        let mut writer = BitWriter::default();
        put(&mut writer);
        let mut bytes = Vec::new();
        writer.write_to(&mut bytes);
        // A one behind, to find the length.
        writer.push(1, 1);
        let mut longer = Vec::new();
        writer.write_to(&mut longer);
        let last = longer.last().unwrap().trailing_zeros() as usize;
        (bytes, longer.len() * 8 - last - 1)
    }

    #[test]
    fn signed_integers_have_the_documented_widths() {
        let cases: [(i64, i64, usize); 8] = [
            (-3, 4, 5),
            (-31, 32, 9),
            (-255, 256, 13),
            (-2047, 2048, 17),
            (-131_071, 131_072, 24),
            (-16_777_215, 16_777_216, 32),
            (-36_028_797_018_963_967, 36_028_797_018_963_968, 64),
            (i64::MIN, i64::MAX, 72),
        ];
        for (low, high, width) in cases {
            for value in [low, high, low + 1, high - 1] {
                let (bytes, bits) = bits_of(|writer| put_signed(writer, value));
                let wanted = if [low, high].contains(&value) { width } else { bits };
                assert_eq!(bits, wanted, "{value}");
                assert_eq!(read_signed(&mut BitReader::new(&bytes)), value);
            }
        }
        assert_eq!(bits_of(|writer| put_signed(writer, 0)), (vec![0], 1));
        assert_eq!(bits_of(|writer| put_signed(writer, 4)), (vec![0b1010_0000], 5));
        assert_eq!(bits_of(|writer| put_signed(writer, -3)), (vec![0b1010_1000], 5));
    }

    #[test]
    fn unsigned_integers_have_the_documented_widths() {
        for (high, width) in [
            (7, 5),
            (63, 9),
            (511, 13),
            (4095, 17),
            (262_143, 24),
            (33_554_431, 32),
        ] {
            for (value, width) in [(high, Some(width)), (high + 1, None)] {
                let (bytes, bits) = bits_of(|writer| put_unsigned(writer, value));
                assert!(width.is_none_or(|width| bits == width), "{value}");
                assert_eq!(read_unsigned(&mut BitReader::new(&bytes)), value);
            }
        }
        for value in [0, 1, (1 << 56) - 1, 1 << 56, u64::MAX] {
            let (bytes, _) = bits_of(|writer| put_unsigned(writer, value));
            assert_eq!(read_unsigned(&mut BitReader::new(&bytes)), value);
        }
    }
}
