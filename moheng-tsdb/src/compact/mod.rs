//! Compaction: which blocks to join ([`plan`]), which to drop ([`Retention`]), and joining them ([`compact_blocks`]).
//!
//! ```
//! use moheng_tsdb::block::{BlockMeta, Ulid};
//! use moheng_tsdb::compact::{CompactionSettings, plan};
//!
//! const HOUR_MS: i64 = 3_600_000;
//! let block = |number: i64| BlockMeta::new(Ulid::new(number, 0), 2 * number * HOUR_MS, 2 * (number + 1) * HOUR_MS);
//! let blocks: Vec<BlockMeta> = (0..4).map(block).collect();
//! let joined: Vec<Ulid> = blocks[..3].iter().map(|block| block.ulid).collect();
//! // Three blocks of two hours fill one of six; the newest block does not count yet.
//! assert_eq!(plan(&blocks, &CompactionSettings::default()), joined);
//! ```

mod merge;
mod plan;
mod retention;

pub use merge::compact_blocks;
pub use plan::{CompactionSettings, plan};
pub use retention::{DiskUse, Retention};
