//! Second names for files, or copies where a medium has none; and bytes that only take room.

use std::io;

use super::{Directory, File, OpenMode, read_full};

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Gives a file that does not change any more a second name; where the medium cannot, copies it and makes the copy durable. The name
/// is durable when the caller has synced the directory.
///
/// # Errors
///
/// Whatever the system says; a part of the copy may be there.
pub(crate) fn link_or_copy(directory: &dyn Directory, from: &str, to: &str) -> io::Result<()> {
    match directory.hard_link(from, to) {
        Err(error) if can_be_copied(error.kind()) => copy_file(directory, from, directory, to),
        outcome => outcome,
    }
}

/// Whether an error says that the medium has no second names, or no more.
fn can_be_copied(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidInput, NotFound, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    !matches!(
        kind,
        AlreadyExists | InvalidInput | NotFound | QuotaExceeded | ReadOnlyFilesystem | StorageFull
    )
}

/// Copies a file into a new one and makes its content durable.
///
/// # Errors
///
/// Whatever the system says; a part of the copy may be there.
pub(crate) fn copy_file(
    from: &dyn Directory,
    path: &str,
    to: &dyn Directory,
    target: &str,
) -> io::Result<()> {
    let source = from.open(path, OpenMode::Read)?;
    let target = to.open(target, OpenMode::Create)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let length = read_full(&*source, &mut buffer, offset)?;
        if length == 0 {
            return target.sync();
        }
        target.append(buffer.get(..length).unwrap_or_default())?;
        offset += length as u64;
    }
}

/// Appends bytes that no medium can compress and makes them durable.
pub(super) fn write_noise<F: File + ?Sized>(file: &F, size_bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = size_bytes;
    while left > 0 {
        for bytes in buffer.chunks_exact_mut(8) {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.copy_from_slice(&state.to_le_bytes());
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        file.append(buffer.get(..length).unwrap_or_default())?;
        left -= length as u64;
    }
    file.sync()
}
