//! Which blocks a directory has, removing them, and cleaning up after a crash.

use std::io;

use super::Ulid;
use super::meta::BlockMeta;
use crate::Error;
use crate::format::names;
use crate::storage::{Directory, list_or_empty, remove_tree};

/// What a directory of blocks contains.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BlockListing {
    /// The blocks, ascending by the start of what they cover.
    pub blocks: Vec<BlockMeta>,
    /// Directories named like blocks whose description cannot be read, and why.
    pub damaged: Vec<(String, Error)>,
    /// Blocks whose writing or removal did not finish.
    pub temporary: Vec<String>,
}

impl BlockListing {
    /// Blocks that another block was made of, or that say they are not needed: leftovers of a compaction that did not
    /// get to removing them.
    pub fn obsolete(&self) -> Vec<Ulid> {
        let parents: Vec<Ulid> = self
            .blocks
            .iter()
            .flat_map(|block| block.parents.iter().map(|parent| parent.ulid))
            .collect();
        let is_obsolete = |block: &&BlockMeta| block.is_deletable || parents.contains(&block.ulid);
        self.blocks
            .iter()
            .filter(is_obsolete)
            .map(|block| block.ulid)
            .collect()
    }
}

/// Lists the blocks of a directory. Nothing is changed.
///
/// # Errors
///
/// When the disk fails.
pub fn list_blocks(directory: &dyn Directory) -> Result<BlockListing, Error> {
    let mut listing = BlockListing::default();
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the blocks"))?;
    for entry in entries.into_iter().filter(|entry| entry.is_directory) {
        if names::is_temporary_block(&entry.name) {
            listing.temporary.push(entry.name);
        } else if names::is_block(&entry.name) {
            match BlockMeta::read(directory, &entry.name) {
                Ok(meta) => listing.blocks.push(meta),
                Err(error @ Error::Full(_)) => return Err(error),
                Err(error) => listing.damaged.push((entry.name, error)),
            }
        }
    }
    listing.blocks.sort_by_key(|block| (block.start_ms, block.ulid));
    Ok(listing)
}

/// Removes a block so that a crash leaves it whole or not at all.
///
/// # Errors
///
/// When the disk fails.
pub fn remove_block(directory: &dyn Directory, block: Ulid) -> Result<(), Error> {
    let name = block.to_string();
    let temporary = format!("{name}{}", names::DELETION_SUFFIX);
    let renamed = match directory.rename(&name, &temporary) {
        // An earlier attempt got that far.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    renamed
        .and_then(|()| directory.sync_directory(""))
        .and_then(|()| remove_tree(directory, &temporary))
        .map_err(Error::io(format!("removing {name}")))
}

/// Removes blocks whose writing or removal did not finish, as [`BlockListing::temporary`] names them.
///
/// # Errors
///
/// When the name is not of that kind, or the disk fails.
pub fn remove_temporary(directory: &dyn Directory, name: &str) -> Result<(), Error> {
    if !names::is_temporary_block(name) {
        return Err(Error::Invalid(format!("{name:?} is not an unfinished block")));
    }
    remove_tree(directory, name).map_err(Error::io(format!("removing {name}")))
}
