//! [`Packer`]: compresses records.

use std::fmt;
use std::io;

use super::writer::LogRecord;
use crate::format::wal_page::Compression;

/// The fastest level that still compresses; records are written all the time and read once.
const ZSTD_LEVEL: i32 = 1;

/// Compresses records; keeps what the encoders need between them.
pub(crate) struct Packer {
    snappy: snap::raw::Encoder,
    /// Made when it is first needed, for it is large.
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            snappy: snap::raw::Encoder::new(),
            zstd: None,
        }
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    /// Compresses a record where that makes it smaller; `packed` is memory for it.
    pub(crate) fn pack<'a>(
        &mut self,
        compression: Compression,
        record: &'a [u8],
        packed: &'a mut Vec<u8>,
    ) -> LogRecord<'a> {
        let length = match compression {
            Compression::None => None,
            Compression::Snappy => self.pack_snappy(record, packed),
            Compression::Zstd => self.pack_zstd(record, packed),
        };
        // Records beyond 4 GiB cannot be compressed by snappy.
        match length.and_then(|length| packed.get(..length)) {
            Some(bytes) if bytes.len() < record.len() => LogRecord { bytes, compression },
            _ => LogRecord {
                bytes: record,
                compression: Compression::None,
            },
        }
    }

    fn pack_snappy(&mut self, record: &[u8], packed: &mut Vec<u8>) -> Option<usize> {
        make_room(packed, snap::raw::max_compress_len(record.len()));
        self.snappy.compress(record, packed).ok()
    }

    fn pack_zstd(&mut self, record: &[u8], packed: &mut Vec<u8>) -> Option<usize> {
        let encoder = self.zstd_encoder().ok()?;
        make_room(packed, zstd::zstd_safe::compress_bound(record.len()));
        encoder.compress_to_buffer(record, packed.as_mut_slice()).ok()
    }

    fn zstd_encoder(&mut self) -> io::Result<&mut zstd::bulk::Compressor<'static>> {
        let encoder = match self.zstd.take() {
            Some(encoder) => encoder,
            None => zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
        };
        Ok(self.zstd.insert(encoder))
    }
}

fn make_room(packed: &mut Vec<u8>, length: usize) {
    if packed.len() < length {
        packed.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::wal_page::decompress;

    #[test]
    fn records_are_compressed_where_that_makes_them_smaller() {
        let long: Vec<u8> = (0..1000_u32)
            .flat_map(|number| (number / 7).to_be_bytes())
            .collect();
        let mut packer = Packer::default();
        for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
            for (record, is_packed) in [(&long[..], true), (b"ab", false), (&long[..], true)] {
                let mut packed = Vec::new();
                let stored = packer.pack(compression, record, &mut packed);
                let expected = if is_packed { compression } else { Compression::None };
                assert_eq!(stored.compression, expected, "{}", record.len());
                assert_eq!(
                    stored.bytes.len() < record.len(),
                    stored.compression != Compression::None
                );
                let mut plain = Vec::new();
                decompress(stored.compression, stored.bytes, &mut plain).unwrap();
                assert_eq!(plain, record);
            }
        }
    }
}
