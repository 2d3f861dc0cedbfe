//! The framing of log segments: records cut into checksummed fragments on 32 KiB pages.
//!
//! A fragment is `type (1 byte) | length (u16, big-endian) | CRC-32C of the data (u32, big-endian) | data` and never
//! crosses a page. Low three bits of the type: 0 the rest of the page is zero, 1 a whole record, 2 its first, 3 a
//! middle, 4 its last fragment. Bit 3 says that the record is compressed with snappy, bit 4 with zstd. Fewer than seven
//! bytes at the end of a page are zero.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use super::DecodeError;
use super::checksum::crc32c;
use crate::Error;

/// The size of a page in bytes.
pub(crate) const PAGE_BYTES: usize = 32 * 1024;
/// The size of a fragment's header in bytes.
pub(crate) const HEADER_BYTES: usize = 7;

const KIND_MASK: u8 = 0b0000_0111;
const SNAPPY_FLAG: u8 = 0b0000_1000;
const ZSTD_FLAG: u8 = 0b0001_0000;

/// The most bytes snappy can make of one byte; a record that claims more is damaged.
const SNAPPY_RATIO_MAX: usize = 32;

/// What zstd can make of one byte has no useful bound; a record larger than two segments is damaged.
const ZSTD_RECORD_BYTES_MAX: u64 = 256 << 20;
/// The base-2 logarithm of the largest window, which is allocated before anything is decompressed.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// How records of the write-ahead log are compressed.
///
/// ```
/// use moheng_tsdb::WalCompression;
///
/// assert_eq!("zstd".parse::<WalCompression>()?, WalCompression::Zstd);
/// assert_eq!(WalCompression::Snappy.to_string(), "snappy");
/// # Ok::<(), moheng_tsdb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: three times the bytes, a sixth less processor time.
    None,
    /// By snappy's block format, as Prometheus does by default.
    #[default]
    Snappy,
    /// By zstd: the fewest bytes, the most processor time. Prometheus 2.42 does not read it, 3 does.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
        })
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self::None),
            "snappy" => Ok(Self::Snappy),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::Invalid(format!(
                "{text:?} is not a compression; expected \"none\", \"snappy\" or \"zstd\""
            ))),
        }
    }
}

/// Which part of a record a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FragmentKind {
    Full,
    First,
    Middle,
    Last,
}

impl FragmentKind {
    fn code(self) -> u8 {
        match self {
            Self::Full => 1,
            Self::First => 2,
            Self::Middle => 3,
            Self::Last => 4,
        }
    }
}

/// One fragment of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    pub(crate) kind: FragmentKind,
    pub(crate) compression: Compression,
    pub(crate) data: &'a [u8],
}

/// Why the rest of a page cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    #[error("a fragment ends beyond its page or file")]
    Incomplete,
    #[error("checksum mismatch: {stored:08x} stored, {computed:08x} computed")]
    Checksum { stored: u32, computed: u32 },
    #[error("unknown fragment type {0:#04x}")]
    UnknownKind(u8),
    #[error("a byte of the unused rest of a page is not zero")]
    NotZero,
}

/// Reads the fragment at the start of `rest`, the part of a page not read yet; `None` when the page holds no more.
pub(crate) fn read_fragment(rest: &[u8]) -> Result<Option<Fragment<'_>>, PageError> {
    let Some(&tag) = rest.first() else {
        return Ok(None);
    };
    if tag & KIND_MASK == 0 {
        return if rest.iter().all(|&byte| byte == 0) {
            Ok(None)
        } else {
            Err(PageError::NotZero)
        };
    }
    let (header, rest) = rest
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(PageError::Incomplete)?;
    let kind = match tag & KIND_MASK {
        1 => FragmentKind::Full,
        2 => FragmentKind::First,
        3 => FragmentKind::Middle,
        4 => FragmentKind::Last,
        _ => return Err(PageError::UnknownKind(tag)),
    };
    let compression = match tag & !KIND_MASK {
        0 => Compression::None,
        ZSTD_FLAG => Compression::Zstd,
        SNAPPY_FLAG => Compression::Snappy,
        _ => return Err(PageError::UnknownKind(tag)),
    };
    let length = usize::from(u16::from_be_bytes([header[1], header[2]]));
    let data = rest.get(..length).ok_or(PageError::Incomplete)?;
    let stored = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
    let computed = crc32c(data);
    if stored != computed {
        return Err(PageError::Checksum { stored, computed });
    }
    Ok(Some(Fragment {
        kind,
        compression,
        data,
    }))
}

/// Appends to `out` the bytes that add `record` to a segment of `segment_bytes` bytes.
pub(crate) fn write_record(record: &[u8], compression: Compression, segment_bytes: u64, out: &mut Vec<u8>) {
    let flag = match compression {
        Compression::None => 0,
        Compression::Snappy => SNAPPY_FLAG,
        Compression::Zstd => ZSTD_FLAG,
    };
    let mut in_page = (segment_bytes % PAGE_BYTES as u64) as usize;
    let mut rest = record;
    let mut is_first = true;
    loop {
        if PAGE_BYTES - in_page < HEADER_BYTES {
            out.resize(out.len() + PAGE_BYTES - in_page, 0);
            in_page = 0;
        }
        let room = PAGE_BYTES - in_page - HEADER_BYTES;
        let (part, after) = rest.split_at(rest.len().min(room));
        let kind = match (is_first, after.is_empty()) {
            (true, true) => FragmentKind::Full,
            (true, false) => FragmentKind::First,
            (false, false) => FragmentKind::Middle,
            (false, true) => FragmentKind::Last,
        };
        out.push(kind.code() | flag);
        out.extend_from_slice(&(part.len() as u16).to_be_bytes());
        out.extend_from_slice(&crc32c(part).to_be_bytes());
        out.extend_from_slice(part);
        in_page = (in_page + HEADER_BYTES + part.len()) % PAGE_BYTES;
        rest = after;
        is_first = false;
        if rest.is_empty() {
            return;
        }
    }
}

/// The most bytes [`write_record`] can add for a record of this length.
pub(crate) fn framed_bytes_max(record_bytes: usize) -> u64 {
    let fragments = record_bytes / (PAGE_BYTES - HEADER_BYTES) + 2;
    (record_bytes + fragments * HEADER_BYTES + HEADER_BYTES) as u64
}

/// Decompresses a whole record into `out`, replacing what it holds.
pub(crate) fn decompress(
    compression: Compression,
    record: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    out.clear();
    match compression {
        Compression::None => {
            out.extend_from_slice(record);
            Ok(())
        }
        Compression::Snappy => decompress_snappy(record, out),
        Compression::Zstd => decompress_zstd(record, out),
    }
}

fn decompress_zstd(record: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let damaged = |_| DecodeError::Invalid("not a zstd frame");
    let mut decoder = zstd::Decoder::with_buffer(record).map_err(damaged)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
    let length = decoder
        .take(ZSTD_RECORD_BYTES_MAX + 1)
        .read_to_end(out)
        .map_err(damaged)?;
    if length as u64 > ZSTD_RECORD_BYTES_MAX {
        return Err(DecodeError::Invalid("a compressed record is too large"));
    }
    Ok(())
}

fn decompress_snappy(record: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    const DAMAGED: DecodeError = DecodeError::Invalid("not a snappy block");
    let length = snap::raw::decompress_len(record).map_err(|_| DAMAGED)?;
    if length > record.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(DAMAGED);
    }
    out.resize(length, 0);
    let written = snap::raw::Decoder::new()
        .decompress(record, out)
        .map_err(|_| DAMAGED)?;
    out.truncate(written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    fn fragments(segment: &[u8]) -> Vec<(FragmentKind, usize)> {
        let mut found = Vec::new();
        for page in segment.chunks(PAGE_BYTES) {
            let mut rest = page;
            while let Some(fragment) = read_fragment(rest).unwrap() {
                found.push((fragment.kind, fragment.data.len()));
                rest = &rest[HEADER_BYTES + fragment.data.len()..];
            }
        }
        found
    }

    #[test]
    fn header_is_the_documented_one() {
        let mut out = Vec::new();
        write_record(b"123456789", Compression::None, 0, &mut out);
        assert_eq!(out, b"\x01\x00\x09\xe3\x06\x92\x83123456789");
        out.clear();
        write_record(b"123456789", Compression::Snappy, 0, &mut out);
        assert_eq!(out[0], 0b1001);
    }

    #[test]
    fn long_records_are_cut_at_pages() {
        let mut segment = Vec::new();
        let record = vec![7; PAGE_BYTES * 2];
        write_record(&record[..100], Compression::None, 0, &mut segment);
        let before = segment.len() as u64;
        write_record(&record, Compression::None, before, &mut segment);
        assert!(segment.len() as u64 - before <= framed_bytes_max(record.len()));
        assert_eq!(
            fragments(&segment),
            [
                (FragmentKind::Full, 100),
                (FragmentKind::First, PAGE_BYTES - 107 - 7),
                (FragmentKind::Middle, PAGE_BYTES - 7),
                (FragmentKind::Last, 107 + 7 + 7),
            ]
        );
    }

    #[test]
    fn a_page_without_room_for_a_header_is_filled_with_zeros() {
        for left in 0..10 {
            let mut segment = Vec::new();
            write_record(
                &vec![1; PAGE_BYTES - 7 - left],
                Compression::None,
                0,
                &mut segment,
            );
            let before = segment.len() as u64;
            write_record(b"next", Compression::None, before, &mut segment);
            let kinds: Vec<_> = fragments(&segment).iter().map(|(kind, _)| *kind).collect();
            match left.cmp(&7) {
                Ordering::Greater => {
                    assert_eq!(kinds[1..], [FragmentKind::First, FragmentKind::Last], "{left}");
                }
                // A header fits, and nothing else.
                Ordering::Equal => assert_eq!(
                    fragments(&segment)[1..],
                    [(FragmentKind::First, 0), (FragmentKind::Last, 4)]
                ),
                Ordering::Less => {
                    assert_eq!(kinds[1..], [FragmentKind::Full], "{left}");
                    assert_eq!(segment.len(), PAGE_BYTES + 11);
                }
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let mut good = Vec::new();
        write_record(b"123456789", Compression::None, 0, &mut good);
        let check = |change: &dyn Fn(&mut Vec<u8>), expected: PageError| {
            let mut bytes = good.clone();
            change(&mut bytes);
            assert_eq!(read_fragment(&bytes), Err(expected));
        };
        check(&|bytes| bytes.truncate(10), PageError::Incomplete);
        check(&|bytes| bytes.truncate(3), PageError::Incomplete);
        check(&|bytes| bytes[0] = 0, PageError::NotZero);
        check(&|bytes| bytes[0] = 7, PageError::UnknownKind(7));
        check(&|bytes| bytes[0] = 0x21, PageError::UnknownKind(0x21));
        check(
            &|bytes| bytes[0] |= ZSTD_FLAG | SNAPPY_FLAG,
            PageError::UnknownKind(0x19),
        );
        check(
            &|bytes| bytes[3] = 0,
            PageError::Checksum {
                stored: 0x0006_9283,
                computed: 0xe306_9283,
            },
        );
        assert_eq!(read_fragment(&[]), Ok(None));
        assert_eq!(read_fragment(&[0; 100]), Ok(None));
    }

    #[test]
    fn decompression_is_bounded() {
        let mut out = Vec::new();
        let packed = snap::raw::Encoder::new().compress_vec(&vec![5; 100_000]).unwrap();
        decompress(Compression::Snappy, &packed, &mut out).unwrap();
        assert_eq!(out, vec![5; 100_000]);
        assert!(
            decompress(Compression::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0], &mut out).is_err(),
            "claims 4 GiB"
        );
        assert!(decompress(Compression::Snappy, b"", &mut out).is_err());

        let packed = zstd::encode_all(&*vec![5_u8; 100_000], 0).unwrap();
        decompress(Compression::Zstd, &packed, &mut out).unwrap();
        assert_eq!(out, vec![5; 100_000]);
        assert!(decompress(Compression::Zstd, &packed[..packed.len() - 1], &mut out).is_err());
        assert!(decompress(Compression::Zstd, b"not zstd at all", &mut out).is_err());
    }
}
