//! The write-ahead log: segments of records, written before memory changes, read at start.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the database does not cut its log yet")
)]
mod checkpoint;
mod files;
mod poison;
mod reader;
mod repair;
mod sync;
mod writer;

pub(crate) use checkpoint::remove_unfinished;
#[expect(unused_imports, reason = "the database does not cut its log yet")]
pub(crate) use checkpoint::{CheckpointCounts, Keep, remove_before, write_checkpoint};
pub(crate) use files::{LogFiles, SegmentFile};
pub(crate) use reader::{SegmentEvent, SegmentReader};
pub(crate) use repair::{RepairPlan, repair_segment};
pub(crate) use writer::{LogRecord, Wal, WalOptions};
