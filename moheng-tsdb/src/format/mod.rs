//! Codecs of what is on disk: pure functions over bytes, one file per structure.

pub(crate) mod block_meta;
mod bytes;
mod checksum;
pub(crate) mod chunk_file;
pub(crate) mod chunk_snapshot;
pub(crate) mod head_chunk_file;
pub(crate) mod index_file;
pub(crate) mod index_postings;
pub(crate) mod index_series;
pub(crate) mod manifest;
pub(crate) mod names;
pub(crate) mod snapshot_extent;
pub(crate) mod tombstones;
pub(crate) mod ulid;
pub(crate) mod wal_annotations;
pub(crate) mod wal_histograms;
pub(crate) mod wal_page;
pub(crate) mod wal_record;
pub(crate) mod wal_samples;

pub(crate) use bytes::{ByteReader, DecodeError, put_bytes, put_signed_varint, put_varint};
pub(crate) use checksum::Checksum;
