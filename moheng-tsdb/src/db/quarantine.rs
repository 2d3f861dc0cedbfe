//! Opens the blocks of a directory and sets those aside that are damaged.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::block::{Block, Ulid, list_blocks};
use crate::format::names;
use crate::storage::Directory;
use crate::{DamagedBlock, Error};

/// How often to look again when another process moves blocks meanwhile.
const ATTEMPTS: usize = 5;

/// Opens the blocks. Of blocks that another one was made of only that one counts, unless it is damaged.
///
/// # Errors
///
/// When the disk is full or fails. Damage is no error: what is damaged is named.
pub(super) fn open_blocks(
    directory: &Arc<dyn Directory>,
    is_read_only: bool,
) -> Result<(Vec<Block>, Vec<DamagedBlock>), Error> {
    let mut attempt = 1;
    loop {
        match open_listed(directory, is_read_only)? {
            // Another process joins blocks meanwhile: what it made of them is there by now.
            (_, _, true) if attempt < ATTEMPTS => attempt += 1,
            (blocks, damaged, _) => return Ok((blocks, damaged)),
        }
    }
}

/// Also says whether a block has gone since the directory was listed, which happens only when another process writes to it.
fn open_listed(
    directory: &Arc<dyn Directory>,
    is_read_only: bool,
) -> Result<(Vec<Block>, Vec<DamagedBlock>, bool), Error> {
    let mut listing = list_blocks(&**directory)?;
    let mut damaged = Vec::new();
    let mut has_gone = false;
    for (name, error) in std::mem::take(&mut listing.damaged) {
        damaged.push(if is_missing(&error) {
            // Perhaps it is still being copied here: what is not described is no block yet.
            leave_out(&name, &error)
        } else {
            set_aside(&**directory, &name, error, is_read_only)?
        });
    }
    let mut open: BTreeMap<Ulid, Block> = BTreeMap::new();
    loop {
        let obsolete = listing.obsolete();
        let mut wanted = listing
            .blocks
            .iter()
            .map(|meta| meta.ulid)
            .filter(|ulid| !obsolete.contains(ulid));
        let failed = wanted.find_map(|ulid| {
            if open.contains_key(&ulid) {
                return None;
            }
            match Block::open(Arc::clone(directory), &ulid.to_string()) {
                Ok(block) => {
                    open.insert(ulid, block);
                    None
                }
                Err(error) => Some((ulid, error)),
            }
        });
        let Some((ulid, error)) = failed else {
            let sorted = listing.blocks.iter().filter_map(|meta| open.remove(&meta.ulid));
            return Ok((sorted.collect(), damaged, has_gone));
        };
        if is_read_only && is_gone(&**directory, &ulid.to_string()) {
            has_gone = true;
        } else {
            damaged.push(set_aside(&**directory, &ulid.to_string(), error, is_read_only)?);
        }
        // Those that it was made of may still be there, and count again.
        listing.blocks.retain(|meta| meta.ulid != ulid);
    }
}

/// Moves a damaged block to quarantine; read-only, it only leaves it out.
fn set_aside(
    directory: &dyn Directory,
    block: &str,
    error: Error,
    is_read_only: bool,
) -> Result<DamagedBlock, Error> {
    if !is_damage(&error) {
        return Err(error);
    }
    if is_read_only {
        return Ok(leave_out(block, &error));
    }
    let fail = Error::io(format!("setting {block} aside"));
    let quarantine = move_to_quarantine(directory, block).map_err(fail)?;
    tracing::error!(
        block,
        %error,
        quarantine,
        "a damaged block is left out of answers; restore it from a backup"
    );
    Ok(DamagedBlock {
        block: block.to_owned(),
        reason: error.to_string(),
        quarantine: Some(quarantine),
    })
}

/// Leaves a block out of answers, and where it is.
fn leave_out(block: &str, error: &Error) -> DamagedBlock {
    tracing::warn!(block, %error, "a block that cannot be read is left out of answers");
    DamagedBlock {
        block: block.to_owned(),
        reason: error.to_string(),
        quarantine: None,
    }
}

/// Whether there is no such directory any more.
fn is_gone(directory: &dyn Directory, block: &str) -> bool {
    let listed = directory.list(block);
    listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Whether an error says something of the block, and not of the disk or of this process.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Corrupt { .. } => true,
        Error::Io { source, .. } => matches!(
            source.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
        ),
        _ => false,
    }
}

fn move_to_quarantine(directory: &dyn Directory, block: &str) -> io::Result<String> {
    directory.create_directory(names::QUARANTINE)?;
    directory.sync_directory("")?;
    let taken = directory.list(names::QUARANTINE)?;
    let mut name = block.to_owned();
    let mut number = 1;
    while taken.iter().any(|entry| entry.name == name) {
        number += 1;
        name = format!("{block}-{number}");
    }
    let target = format!("{}/{name}", names::QUARANTINE);
    directory.rename(block, &target)?;
    directory.sync_directory(names::QUARANTINE)?;
    directory.sync_directory("")?;
    Ok(target)
}
