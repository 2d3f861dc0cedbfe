//! `tsdb import`: blocks of another directory.

use std::io::{Write, stdout};
use std::sync::Arc;

use moheng_tsdb::block::list_blocks;
use moheng_tsdb::storage::{Directory, RealDirectory};
use moheng_tsdb::{Db, ImportOptions};

use super::block_table::{SizedBlock, block_table};
use super::failed;
use super::list::size_bytes;
use super::open::open_files;
use crate::args::ImportArgs;
use crate::command::CommandError;

/// Runs `tsdb import`.
pub(super) fn import(args: &ImportArgs) -> Result<(), CommandError> {
    let from = open_files(&args.from)?;
    let (source, target) = (args.from.display(), args.directory.display());
    let listing = list_blocks(&*from).map_err(|error| failed(&source, error))?;
    let obsolete = listing.obsolete();
    let mut failures: Vec<String> = listing
        .damaged
        .iter()
        .map(|(_, error)| error.to_string())
        .collect();
    let mut names: Vec<String> = listing
        .blocks
        .iter()
        .filter(|block| !obsolete.contains(&block.ulid))
        .map(|block| block.ulid.to_string())
        .collect();
    if !args.blocks.is_empty() {
        failures.clear();
        let missing = args.blocks.iter().find(|block| !names.contains(block));
        if let Some(missing) = missing {
            return Err(failed(&source, format!("there is no block {missing}")));
        }
        names.retain(|name| args.blocks.contains(name));
    }
    let files = RealDirectory::create(&args.directory).map_err(|error| failed(&target, error))?;
    let files: Arc<dyn Directory> = Arc::new(files);
    let db = Db::builder(Arc::clone(&files)).without_worker().open();
    let db = db.map_err(|error| failed(&target, error))?;
    let mut options = ImportOptions::default();
    options.allow_overlap = args.allow_overlap;
    let mut imported = Vec::new();
    for name in &names {
        match db.import_block(&from, name, options) {
            Ok(meta) => {
                let size_bytes = size_bytes(&*files, name).map_err(|error| failed(&target, error))?;
                imported.push(SizedBlock { meta, size_bytes });
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    db.close().map_err(|error| failed(&target, error))?;
    stdout()
        .write_all(block_table(&imported, args.human_readable).as_bytes())
        .map_err(CommandError::output)?;
    if failures.is_empty() {
        return Ok(());
    }
    Err(failed(source, failures.join("\n")))
}
