//! The write-ahead log: segments of records, written before memory changes, read at start.

mod checkpoint;
mod files;
mod packer;
mod poison;
mod reader;
mod record_batch;
mod record_files;
mod repair;
mod sync;
mod writer;

pub(crate) use checkpoint::{Keep, remove_before, remove_unfinished, write_checkpoint};
pub(crate) use files::{LogFiles, SegmentFile, segments_in};
pub(crate) use packer::Packer;
pub(crate) use reader::{Damage, SegmentEvent, SegmentReader};
pub(crate) use record_batch::RecordBatch;
pub(crate) use record_files::{RecordWriter, SegmentShape, SegmentsWriter};
pub(crate) use repair::{
    RepairPlan, free_name as free_quarantine_name, quarantine as quarantine_from, repair_segment,
};
pub(crate) use writer::{LogRecord, Wal, WalOptions};
