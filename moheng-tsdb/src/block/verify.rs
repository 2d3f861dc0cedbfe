//! [`BlockReport`]: what checking all of a block found.

use std::ops::ControlFlow;

use moheng_metrics::{Labels, SampleBuffer};

use super::chunk_files::ChunkReader;
use super::meta::BlockStats;
use super::reader::Block;
use crate::Error;
use crate::chunk::Encoding;
use crate::format::index_series::ChunkMeta;
use crate::format::names;
use crate::index::verify_index;
use crate::storage::split_offset;
use crate::verify::Problem;

/// No more problems than this are named.
const PROBLEMS_MAX: usize = 100;

/// Chunks lie in the order of series, so they are read far ahead.
const READ_BYTES: usize = 1 << 20;

/// What checking all of a block found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockReport {
    /// What was found to be there.
    pub stats: BlockStats,
    /// What is wrong: at most 100 things. A block without any is whole.
    pub problems: Vec<Problem>,
}

/// Checks a block. `watch` is told how many bytes were read since the last time, and breaks it off.
pub(crate) fn verify(
    block: &Block,
    watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<BlockReport, Error> {
    let mut report = BlockReport::default();
    let mut check = ChunkCheck {
        block,
        reader: ChunkReader::new(block.chunks().clone()),
        samples: SampleBuffer::new(),
        stats: BlockStats::default(),
        problems: Vec::new(),
        read_bytes: 0,
        failed: None,
    };
    let mut series_seen = Vec::new();
    let mut index_problems = Vec::new();
    let mut is_broken_off = watch(0).is_break();
    verify_index(
        block.index(),
        |series, labels, chunks| {
            series_seen.push(u64::from(series));
            check.series(labels, chunks);
            let went_on = watch(std::mem::take(&mut check.read_bytes));
            is_broken_off |= went_on.is_break() || check.failed.is_some();
            if is_broken_off {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
        |problem| index_problems.push(problem),
    )?;
    if let Some(error) = check.failed {
        return Err(error);
    }
    report.problems.append(&mut index_problems);
    report.problems.append(&mut check.problems);
    report.stats = check.stats;
    let tombstones = block.tombstones();
    report.stats.tombstones = tombstones.count();
    if !is_broken_off {
        let is_unknown = |series: &u64| series_seen.binary_search(series).is_err();
        let unknown = tombstones.series().filter(is_unknown).count();
        if unknown > 0 {
            let path = names::block_tombstones(block.path());
            let message = format!("{unknown} series do not exist");
            report.problems.push(Problem::damage(path, message));
        }
        // What cannot be read is not counted either.
        if report.problems.is_empty() {
            compare_stats(block, &mut report);
        }
    }
    report.problems.truncate(PROBLEMS_MAX);
    Ok(report)
}

fn compare_stats(block: &Block, report: &mut BlockReport) {
    let said = block.meta().stats;
    let found = report.stats;
    for (what, said, found) in [
        ("series", said.series, found.series),
        ("chunks", said.chunks, found.chunks),
        ("samples", said.samples, found.samples),
    ] {
        if said != found {
            let path = names::block_meta(block.path());
            let message = format!("{said} {what} are said to be there, {found} are");
            report.problems.push(Problem::damage(path, message));
        }
    }
}

struct ChunkCheck<'a> {
    block: &'a Block,
    reader: ChunkReader,
    samples: SampleBuffer,
    stats: BlockStats,
    problems: Vec<Problem>,
    /// Since this was asked for.
    read_bytes: u64,
    /// The disk failed.
    failed: Option<Error>,
}

impl ChunkCheck<'_> {
    fn series(&mut self, labels: &Labels, chunks: &[ChunkMeta]) {
        self.stats.series += 1;
        for chunk in chunks {
            self.stats.chunks += 1;
            match self.chunk(chunk) {
                Ok(None) => {}
                Ok(Some(problem)) => self.report(labels, chunk, &problem),
                Err(Error::Corrupt { message, .. }) => self.report(labels, chunk, split_offset(&message).1),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn report(&mut self, labels: &Labels, chunk: &ChunkMeta, message: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            let (start_ms, end_ms) = (chunk.start_ms, chunk.end_ms);
            let path = names::chunk_file(self.block.path(), chunk.reference.file() as u32 + 1);
            let problem = Problem::damage(path, message).at(chunk.reference.offset());
            self.problems
                .push(problem.affecting(format!("samples of {labels} from {start_ms} to {end_ms}")));
        }
    }

    /// Decodes a chunk and says what does not fit.
    fn chunk(&mut self, meta: &ChunkMeta) -> Result<Option<String>, Error> {
        let stored = self.reader.read(meta.reference, READ_BYTES)?;
        self.read_bytes += stored.data.len() as u64;
        let Some(encoding) = Encoding::from_code(stored.encoding) else {
            return Ok(Some(format!("its encoding {} is not known", stored.encoding)));
        };
        self.samples.clear();
        if let Err(error) = encoding.decode(stored.data, &mut self.samples) {
            return Ok(Some(error.to_string()));
        }
        let count = self.samples.len() as u64;
        self.stats.samples += count;
        let times = if encoding.is_histogram() {
            self.stats.histogram_samples += count;
            &self.samples.histograms.timestamps_ms
        } else {
            self.stats.float_samples += count;
            &self.samples.floats.timestamps_ms
        };
        let (Some(&start_ms), Some(&end_ms)) = (times.first(), times.last()) else {
            return Ok(Some("it has no sample".to_owned()));
        };
        if !times.is_sorted_by(|earlier, later| earlier < later) {
            return Ok(Some("its samples do not ascend by time".to_owned()));
        }
        if (start_ms, end_ms) != (meta.start_ms, meta.end_ms) {
            return Ok(Some(format!(
                "it has samples from {start_ms} to {end_ms}, the index says {} to {}",
                meta.start_ms, meta.end_ms
            )));
        }
        let block = self.block.meta();
        if start_ms < block.start_ms || end_ms >= block.end_ms {
            return Ok(Some(format!(
                "it has samples from {start_ms} to {end_ms}, the block covers {}..{}",
                block.start_ms, block.end_ms
            )));
        }
        Ok(None)
    }
}
