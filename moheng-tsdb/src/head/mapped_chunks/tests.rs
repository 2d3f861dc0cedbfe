//! Writing, reading and removing files of mapped chunks.

use super::*;
use crate::head::mapped_load::load_mapped_chunks;
use crate::storage::{Fault, FaultDirectory};

fn chunk(reference: u64, start_ms: i64, data: &[u8]) -> MappedChunk<'_> {
    MappedChunk {
        reference,
        start_ms,
        end_ms: start_ms + 9,
        encoding: 1,
        is_late: false,
        data,
    }
}

fn read(chunks: &MappedChunks, place: MappedPlace, length: Option<usize>) -> Vec<u8> {
    let mut buffer = Vec::new();
    let files = chunks.files().clone();
    let (encoding, data) = files.read(place, length, &mut buffer).unwrap();
    assert_eq!(encoding, Encoding::Xor);
    data.to_vec()
}

fn paths(directory: &MemoryDirectory) -> Vec<String> {
    let entries = directory.list(names::HEAD_CHUNKS).unwrap_or_default();
    entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn chunks_are_read_back_and_files_are_ended() {
    let directory = MemoryDirectory::new();
    let chunks = MappedChunks::new(Arc::new(directory.clone()), Vec::new(), 1).with_file_bytes_max(1000);
    let long = vec![7; 5000];
    let data: [&[u8]; 4] = [b"a", b"", &long, &[9; 700]];
    let mut places = Vec::new();
    for (number, data) in data.into_iter().enumerate() {
        let stored = [
            chunk(number as u64, 10, data),
            chunk(number as u64, 20, b"second"),
        ];
        places.extend(chunks.write(&stored).unwrap());
    }
    assert_eq!(paths(&directory), ["000001", "000002", "000003"]);
    for (pair, data) in places.chunks(2).zip(data) {
        for length in [None, Some(data.len()), Some(1), Some(9000)] {
            assert_eq!(read(&chunks, pair[0], length), data);
            assert_eq!(read(&chunks, pair[1], length), b"second");
        }
    }
    assert_eq!(chunks.written_chunks(), 8);
    let sizes = directory.list(names::HEAD_CHUNKS).unwrap();
    assert_eq!(
        chunks.size_bytes(),
        sizes.iter().map(|entry| entry.size_bytes).sum::<u64>()
    );
}

#[test]
fn damage_is_noticed() {
    let directory = MemoryDirectory::new();
    let chunks = MappedChunks::new(Arc::new(directory.clone()), Vec::new(), 1);
    let place = chunks.write(&[chunk(1, 10, b"some data")]).unwrap()[0];
    let file = directory.open("chunks_head/000001", OpenMode::Append).unwrap();
    let whole = crate::storage::read_to_end(&directory, "chunks_head/000001", 1000).unwrap();
    let files = chunks.files().clone();
    for index in HEADER_BYTES..whole.len() {
        for bit in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[index] ^= bit;
            file.truncate(0).unwrap();
            file.append(&damaged).unwrap();
            let mut buffer = Vec::new();
            let error = files.read(place, Some(9), &mut buffer).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        }
    }
    let gone = MappedPlace { file: 2, offset: 8 };
    assert!(files.read(gone, None, &mut Vec::new()).is_err());
    let behind = MappedPlace { file: 1, offset: 900 };
    assert!(files.read(behind, None, &mut Vec::new()).is_err());
}

#[test]
fn old_files_are_removed_and_stay_readable_for_who_has_them() {
    let directory = MemoryDirectory::new();
    let chunks = MappedChunks::new(Arc::new(directory.clone()), Vec::new(), 1).with_file_bytes_max(1);
    let places: Vec<_> = [10, 40, 20, 50]
        .into_iter()
        .map(|start_ms| chunks.write(&[chunk(1, start_ms, b"data")]).unwrap()[0])
        .collect();
    let before = chunks.files().clone();
    chunks.remove_before(19).unwrap();
    assert_eq!(paths(&directory).len(), 4, "the last sample is needed");
    chunks.remove_before(30).unwrap();
    assert_eq!(
        paths(&directory),
        ["000002", "000003", "000004"],
        "numbers have no gaps"
    );
    let mut buffer = Vec::new();
    assert_eq!(before.read(places[0], None, &mut buffer).unwrap().1, b"data");
    assert!(chunks.files().read(places[0], None, &mut buffer).is_err());
    chunks.remove_before(i64::MAX).unwrap();
    assert!(paths(&directory).is_empty());
    chunks.write(&[chunk(1, 60, b"data")]).unwrap();
    assert_eq!(paths(&directory), ["000005"]);
}

#[test]
fn a_failed_write_leaves_nothing() {
    for fault in [Fault::Io, Fault::Full] {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            let directory: Arc<dyn Directory> = Arc::new(faults.clone());
            let chunks = MappedChunks::new(Arc::clone(&directory), Vec::new(), 1);
            chunks.write(&[chunk(1, 10, b"first")]).unwrap();
            // Every other time the write needs a new file, which takes more operations.
            let in_new_file = at % 2 == 0;
            if in_new_file {
                chunks.remove_before(0).unwrap();
            }
            faults.fail_at(faults.operations() + at / 2, fault, false);
            let stored = [chunk(1, 20, b"second"), chunk(2, 20, b"other")];
            let failed = chunks.write(&stored).is_err();
            faults.heal();
            let other = [chunk(3, 20, b"second"), chunk(4, 20, b"other")];
            let places = chunks.write(if failed { &stored } else { &other }).unwrap();
            assert_eq!(read(&chunks, places[0], None), b"second");
            assert_eq!(read(&chunks, places[1], None), b"other");
            let (_, found) = load_mapped_chunks(&directory, i64::MIN).unwrap();
            assert!(found.damage.is_none(), "operation {at}: {:?}", found.damage);
            if !failed && in_new_file {
                break;
            }
        }
    }
}
