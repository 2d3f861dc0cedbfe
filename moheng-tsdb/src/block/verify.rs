//! [`BlockReport`]: what checking all of a block found.

use moheng_metrics::{Labels, SampleBuffer};

use super::chunk_files::ChunkReader;
use super::meta::BlockStats;
use super::reader::Block;
use crate::Error;
use crate::chunk::Encoding;
use crate::format::index_series::ChunkMeta;
use crate::index::verify_index;

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
    /// What is wrong, with file and offset: at most 100 things. A block without any is whole.
    pub problems: Vec<String>,
}

pub(super) fn verify(block: &Block) -> Result<BlockReport, Error> {
    let mut report = BlockReport::default();
    let mut check = ChunkCheck {
        block,
        reader: ChunkReader::new(block.chunks().clone()),
        samples: SampleBuffer::new(),
        stats: BlockStats::default(),
        problems: Vec::new(),
        failed: None,
    };
    let mut series_seen = Vec::new();
    let mut index_problems = Vec::new();
    verify_index(
        block.index(),
        |series, labels, chunks| {
            series_seen.push(u64::from(series));
            check.series(labels, chunks);
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
    let unknown = tombstones
        .series()
        .filter(|series| series_seen.binary_search(series).is_err())
        .count();
    if unknown > 0 {
        report.problems.push(format!(
            "{}/tombstones: {unknown} series do not exist",
            block.path()
        ));
    }
    compare_stats(block, &mut report);
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
            report.problems.push(format!(
                "{}/meta.json: {said} {what} are said to be there, {found} are",
                block.path()
            ));
        }
    }
}

struct ChunkCheck<'a> {
    block: &'a Block,
    reader: ChunkReader,
    samples: SampleBuffer,
    stats: BlockStats,
    problems: Vec<String>,
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
                Ok(Some(problem)) => self.report(labels, &problem),
                Err(error @ Error::Corrupt { .. }) => self.report(labels, &error.to_string()),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn report(&mut self, labels: &Labels, problem: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            let path = self.block.path();
            self.problems
                .push(format!("{path}: a chunk of {labels}: {problem}"));
        }
    }

    /// Decodes a chunk and says what does not fit.
    fn chunk(&mut self, meta: &ChunkMeta) -> Result<Option<String>, Error> {
        let stored = self.reader.read(meta.reference, READ_BYTES)?;
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
