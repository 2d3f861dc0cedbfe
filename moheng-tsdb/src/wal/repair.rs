//! Cuts damage out of segments and sets it aside, so that Prometheus and later starts read what is whole.

use std::io;

use super::files::SegmentFile;
use super::packer::Packer;
use super::reader::{Damage, SegmentEvent, SegmentReader};
use crate::Error;
use crate::format::names;
use crate::format::wal_page::{Compression, write_record};
use crate::storage::{Directory, OpenMode, read_full};

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// What is to be repaired in one segment.
#[derive(Debug)]
pub(crate) struct RepairPlan {
    pub(crate) segment: SegmentFile,
    pub(crate) first_damage: Damage,
    /// How many places are damaged.
    pub(crate) damages: u64,
    /// Where the last whole record before the damage ends.
    pub(crate) whole_end: u64,
    /// Whether there are whole records behind the damage.
    pub(crate) is_inside: bool,
}

/// Repairs one segment: the damaged bytes (a damaged end) or a copy of all of it (damage inside) go to quarantine
/// first, then the segment is cut, or written again without what is damaged.
///
/// # Errors
///
/// When the disk fails; the segment is as before, or repaired.
pub(crate) fn repair_segment(directory: &dyn Directory, plan: &RepairPlan) -> Result<(), Error> {
    let path = &plan.segment.path;
    let keep_from = if plan.is_inside { 0 } else { plan.whole_end };
    let kept = quarantine(directory, path, keep_from)
        .map_err(Error::io(format!("setting aside damage of {path}")))?;
    let done = if plan.is_inside {
        rewrite(directory, path, plan.segment.size_bytes)
    } else {
        cut(directory, path, plan.whole_end)
    };
    done.map_err(Error::io(format!("repairing {path}")))?;
    tracing::warn!(segment = %path, quarantine = %kept, "write-ahead log repaired");
    Ok(())
}

/// Copies a damaged segment to quarantine, whole.
pub(super) fn set_aside(directory: &dyn Directory, path: &str) -> io::Result<()> {
    let kept = quarantine(directory, path, 0)?;
    tracing::warn!(segment = %path, quarantine = %kept, "a damaged segment is kept");
    Ok(())
}

/// Copies a file from `offset` on to a new file in quarantine and returns its path.
pub(crate) fn quarantine(directory: &dyn Directory, path: &str, offset: u64) -> io::Result<String> {
    directory.create_directory(names::QUARANTINE)?;
    directory.sync_directory("")?;
    let target = free_name(directory, path, offset)?;
    let source = directory.open(path, OpenMode::Read)?;
    let copy = directory.open(&target, OpenMode::Create)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut position = offset;
    loop {
        let length = read_full(&*source, &mut buffer, position)?;
        if length == 0 {
            break;
        }
        copy.append(buffer.get(..length).unwrap_or_default())?;
        position += length as u64;
    }
    copy.sync()?;
    directory.sync_directory(names::QUARANTINE)?;
    Ok(target)
}

/// A path in quarantine, which is there, for what was at `path` from `offset` on.
pub(crate) fn free_name(directory: &dyn Directory, path: &str, offset: u64) -> io::Result<String> {
    let taken = directory.list(names::QUARANTINE)?;
    let base = format!("{}-from-{offset}", path.replace('/', "-"));
    let mut name = base.clone();
    let mut number = 1;
    while taken.iter().any(|entry| entry.name == name) {
        number += 1;
        name = format!("{base}-{number}");
    }
    Ok(format!("{}/{name}", names::QUARANTINE))
}

fn cut(directory: &dyn Directory, path: &str, size_bytes: u64) -> io::Result<()> {
    let file = directory.open(path, OpenMode::Append)?;
    file.truncate(size_bytes)?;
    file.sync()
}

/// Writes the whole records of a segment to a new file that takes its place.
fn rewrite(directory: &dyn Directory, path: &str, limit_bytes: u64) -> io::Result<()> {
    let temporary = format!("{}/rewrite.tmp", names::QUARANTINE);
    match directory.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = directory.open(&temporary, OpenMode::Create)?;
    let mut reader = SegmentReader::open(directory, path, limit_bytes)?;
    let mut packer = Packer::default();
    let mut packed = Vec::new();
    let mut written: u64 = 0;
    let mut framed = Vec::new();
    loop {
        match reader.next_event()? {
            SegmentEvent::Record(record) => {
                framed.clear();
                let record = packer.pack(Compression::Snappy, record, &mut packed);
                write_record(record.bytes, record.compression, written, &mut framed);
                file.append(&framed)?;
                written += framed.len() as u64;
            }
            SegmentEvent::Damage(_) => {}
            SegmentEvent::End => break,
        }
    }
    file.sync()?;
    drop(file);
    directory.rename(&temporary, path)?;
    directory.sync_directory(crate::storage::parent(path))?;
    directory.sync_directory(names::QUARANTINE)
}
