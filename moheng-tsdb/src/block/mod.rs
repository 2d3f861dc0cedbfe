//! Blocks: immutable directories with the samples of a span of time, in Prometheus's format.
//!
//! [`BlockWriter`] makes one of series in label order, [`BlockBuilder`] several of samples in any order, [`Block`] reads, selects from,
//! deletes in, analyses and verifies one,
//! [`BlockSet`] is several as one source.
//! [`compact`](crate::compact) joins several.
//!
//! ```
//! use std::sync::Arc;
//!
//! use moheng_metrics::{Labels, Matcher, SampleBuffer, Select, SeriesSource};
//! use moheng_tsdb::block::{Block, BlockMeta, BlockWriter, Ulid};
//! use moheng_tsdb::storage::MemoryDirectory;
//!
//! let directory = Arc::new(MemoryDirectory::new());
//! let meta = BlockMeta::new(Ulid::new(0, 1), 0, 7_200_000);
//! let mut writer = BlockWriter::create(directory.clone(), meta)?;
//! let mut samples = SampleBuffer::new();
//! samples.floats.push(1000, 0.5);
//! writer.add_series(&Labels::from_pairs([("__name__", "up")]), &samples)?;
//! let meta = writer.finish()?.expect("there is a sample");
//!
//! let block = Block::open(directory, &meta.ulid.to_string())?;
//! assert_eq!(block.meta().stats.samples, 1);
//! assert!(block.verify()?.problems.is_empty());
//! let mut cursor = block.select(&Select::new(vec![Matcher::equal("__name__", "up")], 0, 5000))?;
//! assert!(cursor.next_series()?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod analyze;
mod builder;
mod chunk_files;
mod encode;
mod listing;
mod meta;
mod reader;
mod runs;
mod set;
mod tombstones;
mod verify;
mod writer;

pub use crate::format::ulid::Ulid;
pub use analyze::BlockAnalysis;
pub use builder::BlockBuilder;
pub(crate) use chunk_files::ChunkReader;
pub(crate) use encode::{EncodedChunk, OwnedSample, SampleEncoder, SampleValue, decode_exactly};
pub use listing::{BlockListing, list_blocks, remove_block, remove_temporary};
pub(crate) use meta::FROM_OUT_OF_ORDER;
pub use meta::{BlockMeta, BlockParent, BlockStats};
pub use reader::Block;
pub(crate) use reader::Deleted;
pub use set::BlockSet;
pub(crate) use tombstones::Interval;
pub use verify::BlockReport;
pub(crate) use verify::verify as verify_block;
pub use writer::BlockWriter;
