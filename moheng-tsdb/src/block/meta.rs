//! [`BlockMeta`]: what a block says of itself in `meta.json`.

use crate::Error;
use crate::format::block_meta::{
    CompactionJson, META_BYTES_MAX, META_VERSION, MetaJson, ParentJson, StatsJson,
};
use crate::format::names;
use crate::format::ulid::Ulid;
use crate::storage::{Directory, read_to_end, write_atomically};

/// The hint of blocks that were written from late samples.
pub(crate) const FROM_OUT_OF_ORDER: &str = "from-out-of-order";

/// What a block says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockMeta {
    /// The name of the block.
    pub ulid: Ulid,
    /// The first millisecond the block covers.
    pub start_ms: i64,
    /// The first millisecond behind those the block covers.
    pub end_ms: i64,
    /// What it contains.
    pub stats: BlockStats,
    /// 1 for a block written from samples, one more than the highest of the blocks it was made of otherwise.
    pub level: u32,
    /// The blocks of level 1 whose samples it contains.
    pub sources: Vec<Ulid>,
    /// The blocks it was made of.
    pub parents: Vec<BlockParent>,
    /// Whether everything in it is elsewhere or deleted.
    pub is_deletable: bool,
    /// Whether compacting it failed; it is left alone then.
    pub is_failed: bool,
    /// What else compaction should know, such as `from-out-of-order`.
    pub hints: Vec<String>,
}

/// What a block contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockStats {
    /// Samples of all kinds.
    pub samples: u64,
    /// Float samples; blocks of Prometheus before 3.0 do not say and have 0.
    pub float_samples: u64,
    /// Native histograms; blocks of Prometheus before 3.0 do not say and have 0.
    pub histogram_samples: u64,
    /// Series.
    pub series: u64,
    /// Chunks.
    pub chunks: u64,
    /// Deleted ranges of time, counted per series.
    pub tombstones: u64,
}

/// A block that a block was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockParent {
    /// Its name.
    pub ulid: Ulid,
    /// The first millisecond it covered.
    pub start_ms: i64,
    /// The first millisecond behind those it covered.
    pub end_ms: i64,
}

impl BlockMeta {
    /// The description of a block of level 1 without content yet, for the half-open range of `start_ms..end_ms`.
    pub fn new(ulid: Ulid, start_ms: i64, end_ms: i64) -> Self {
        Self {
            ulid,
            start_ms,
            end_ms,
            stats: BlockStats::default(),
            level: 1,
            sources: vec![ulid],
            parents: Vec::new(),
            is_deletable: false,
            is_failed: false,
            hints: Vec::new(),
        }
    }

    /// Reads the description of the block in `block`, a path in `directory`.
    ///
    /// # Errors
    ///
    /// When it is damaged, has a version this code does not know, or the disk fails.
    pub fn read(directory: &dyn Directory, block: &str) -> Result<Self, Error> {
        let path = names::block_meta(block);
        let json: MetaJson = read_json(directory, &path)?;
        if json.version != META_VERSION {
            return Err(Error::Unsupported(format!(
                "version {} of {path}, only {META_VERSION} is known",
                json.version
            )));
        }
        Self::from_json(&json).map_err(|message| Error::Corrupt { path, message })
    }

    /// Whether it was written from late samples only, so that it says nothing about where memory begins.
    pub fn is_late(&self) -> bool {
        self.hints.iter().any(|hint| hint == FROM_OUT_OF_ORDER)
    }

    /// Whether some millisecond is covered by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start_ms < other.end_ms && other.start_ms < self.end_ms
    }

    pub(crate) fn write(&self, directory: &dyn Directory, block: &str) -> Result<(), Error> {
        write_json(directory, &names::block_meta(block), &self.to_json())
    }

    fn from_json(json: &MetaJson) -> Result<Self, String> {
        let ulid = |text: &String| text.parse::<Ulid>().map_err(|error| error.to_string());
        let parents = json.compaction.parents.iter().map(|parent| {
            Ok(BlockParent {
                ulid: ulid(&parent.ulid)?,
                start_ms: parent.min_time,
                end_ms: parent.max_time,
            })
        });
        Ok(Self {
            ulid: ulid(&json.ulid)?,
            start_ms: json.min_time,
            end_ms: json.max_time,
            stats: BlockStats {
                samples: json.stats.num_samples,
                float_samples: json.stats.num_float_samples,
                histogram_samples: json.stats.num_histogram_samples,
                series: json.stats.num_series,
                chunks: json.stats.num_chunks,
                tombstones: json.stats.num_tombstones,
            },
            level: json.compaction.level,
            sources: json
                .compaction
                .sources
                .iter()
                .map(ulid)
                .collect::<Result<_, String>>()?,
            parents: parents.collect::<Result<_, String>>()?,
            is_deletable: json.compaction.deletable,
            is_failed: json.compaction.failed,
            hints: json.compaction.hints.clone(),
        })
    }

    fn to_json(&self) -> MetaJson {
        let parents = self.parents.iter().map(|parent| ParentJson {
            ulid: parent.ulid.to_string(),
            min_time: parent.start_ms,
            max_time: parent.end_ms,
        });
        MetaJson {
            ulid: self.ulid.to_string(),
            min_time: self.start_ms,
            max_time: self.end_ms,
            stats: StatsJson {
                num_samples: self.stats.samples,
                num_float_samples: self.stats.float_samples,
                num_histogram_samples: self.stats.histogram_samples,
                num_series: self.stats.series,
                num_chunks: self.stats.chunks,
                num_tombstones: self.stats.tombstones,
                other: serde_json::Map::new(),
            },
            compaction: CompactionJson {
                level: self.level,
                sources: self.sources.iter().map(Ulid::to_string).collect(),
                parents: parents.collect(),
                deletable: self.is_deletable,
                failed: self.is_failed,
                hints: self.hints.clone(),
                other: serde_json::Map::new(),
            },
            version: META_VERSION,
            other: serde_json::Map::new(),
        }
    }
}

/// Changes the counts of tombstones and the flags in the file of a block; whatever else it holds stays.
pub(super) fn update(
    directory: &dyn Directory,
    block: &str,
    change: impl FnOnce(&mut MetaJson),
) -> Result<(), Error> {
    let path = names::block_meta(block);
    let mut json = read_json(directory, &path)?;
    change(&mut json);
    write_json(directory, &path, &json)
}

fn read_json(directory: &dyn Directory, path: &str) -> Result<MetaJson, Error> {
    let content =
        read_to_end(directory, path, META_BYTES_MAX).map_err(Error::io(format!("reading {path}")))?;
    serde_json::from_slice(&content).map_err(|error| Error::Corrupt {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

fn write_json(directory: &dyn Directory, path: &str, json: &MetaJson) -> Result<(), Error> {
    let content = serde_json::to_vec_pretty(json).map_err(|error| Error::Invalid(error.to_string()))?;
    write_atomically(directory, path, &content).map_err(Error::io(format!("writing {path}")))
}
