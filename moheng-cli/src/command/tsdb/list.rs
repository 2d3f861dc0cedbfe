//! `tsdb list`: the blocks of a data directory.

use std::io::{self, Write, stdout};

use moheng_tsdb::block::{BlockMeta, list_blocks};
use moheng_tsdb::storage::Directory;

use super::block_table::{SizedBlock, block_table};
use super::failed;
use super::open::open_files;
use crate::args::{BlockListArgs, BlockListFormat};
use crate::command::CommandError;

/// Runs `tsdb list`.
pub(super) fn list(args: &BlockListArgs) -> Result<(), CommandError> {
    let files = open_files(&args.directory)?;
    let context = args.directory.display();
    let listing = list_blocks(&*files).map_err(|error| failed(&context, error))?;
    let mut blocks = Vec::new();
    for meta in listing.blocks {
        match size_bytes(&*files, &meta.ulid.to_string()) {
            Ok(size_bytes) => blocks.push(SizedBlock { meta, size_bytes }),
            // A server that runs on the directory has removed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(format!("{context}: {}", meta.ulid), error)),
        }
    }
    let text = match args.output {
        BlockListFormat::Table => block_table(&blocks, args.human_readable),
        BlockListFormat::Json => json(&blocks),
    };
    stdout()
        .write_all(text.as_bytes())
        .and_then(|()| stdout().flush())
        .map_err(CommandError::output)?;
    let damaged: Vec<String> = listing
        .damaged
        .iter()
        .map(|(_, error)| error.to_string())
        .collect();
    if damaged.is_empty() {
        return Ok(());
    }
    Err(failed(context, damaged.join("\n")))
}

/// What index, chunks, deletions and description of a block take.
pub(super) fn size_bytes(files: &dyn Directory, block: &str) -> io::Result<u64> {
    let is_counted = |name: &str| matches!(name, "index" | "meta.json" | "tombstones");
    let parts = files.list(block)?;
    let chunks = files.list(&format!("{block}/chunks"))?;
    let parts = parts.iter().filter(|entry| is_counted(&entry.name));
    Ok(parts.chain(&chunks).map(|entry| entry.size_bytes).sum())
}

fn json(blocks: &[SizedBlock]) -> String {
    let object = |SizedBlock { meta, size_bytes }: &SizedBlock| {
        let BlockMeta { stats, .. } = meta;
        serde_json::json!({
            "ulid": meta.ulid.to_string(),
            "minTime": meta.start_ms,
            "maxTime": meta.end_ms,
            "numSamples": stats.samples,
            "numChunks": stats.chunks,
            "numSeries": stats.series,
            "numTombstones": stats.tombstones,
            "level": meta.level,
            "sizeBytes": size_bytes,
        })
    };
    let blocks: Vec<_> = blocks.iter().map(object).collect();
    serde_json::Value::from(blocks).to_string() + "\n"
}
