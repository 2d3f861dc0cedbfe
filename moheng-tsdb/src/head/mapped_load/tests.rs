//! Loading: whole files, torn ones, damaged ones, and what is set aside.

use super::*;
use crate::format::head_chunk_file::{header, put_chunk};
use crate::storage::MemoryDirectory;

/// A chunk of series `reference` from `start_ms` to `start_ms + 9`.
fn stored(reference: u64, start_ms: i64) -> Vec<u8> {
    let chunk = MappedChunk {
        reference,
        start_ms,
        end_ms: start_ms + 9,
        encoding: 1,
        is_late: reference == 9,
        data: b"some data",
    };
    let mut out = Vec::new();
    put_chunk(&mut out, &chunk);
    out
}

fn file(chunks: &[(u64, i64)]) -> Vec<u8> {
    let chunks = chunks
        .iter()
        .flat_map(|&(reference, start_ms)| stored(reference, start_ms));
    header().into_iter().chain(chunks).collect()
}

struct Loaded {
    directory: MemoryDirectory,
    /// (reference, first millisecond), ascending.
    chunks: Vec<(u64, i64)>,
    damage: Option<String>,
    reference_max: u64,
    late: usize,
}

fn load(files: &[(u32, Vec<u8>)], valid_from_ms: i64) -> Loaded {
    let directory = MemoryDirectory::new();
    directory.create_directory(names::HEAD_CHUNKS).unwrap();
    for (number, content) in files {
        let file = directory.open(&names::head_chunk_file(*number), OpenMode::Create);
        file.unwrap().append(content).unwrap();
    }
    load_from(directory, valid_from_ms)
}

fn load_from(directory: MemoryDirectory, valid_from_ms: i64) -> Loaded {
    let shared: Arc<dyn Directory> = Arc::new(directory.clone());
    let (mapped, mut found) = load_mapped_chunks(&shared, valid_from_ms).unwrap();
    let mut references: Vec<u64> = found.by_reference.keys().copied().collect();
    references.sort_unstable();
    let mut chunks = Vec::new();
    for reference in references {
        for chunk in found.take(reference) {
            let SealedData::Mapped(place) = chunk.data else {
                panic!("not in a file");
            };
            let mut buffer = Vec::new();
            let files = mapped.files().clone();
            assert_eq!(files.read(place, None, &mut buffer).unwrap().1, b"some data");
            chunks.push((reference, chunk.start_ms));
        }
    }
    if let Some(damage) = &found.damage {
        let next = set_damage_aside(&directory, damage).unwrap();
        mapped.set_next_number(next);
        mapped
            .write(&[MappedChunk {
                reference: 100,
                start_ms: 0,
                end_ms: 0,
                encoding: 1,
                is_late: false,
                data: b"some data",
            }])
            .unwrap();
        let (_, again) = load_mapped_chunks(&shared, valid_from_ms).unwrap();
        assert!(again.damage.is_none(), "{:?}", again.damage);
        assert_eq!(
            again.by_reference.values().map(Vec::len).sum::<usize>(),
            chunks.len() + 1
        );
    }
    Loaded {
        directory,
        chunks,
        damage: found.damage.map(|damage| damage.to_string()),
        reference_max: found.reference_max,
        late: found.late.len(),
    }
}

fn names_in(directory: &MemoryDirectory, path: &str) -> Vec<String> {
    let entries = list_or_empty(directory, path).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn whole_files_are_loaded() {
    let mut reserved = file(&[(2, 20)]);
    reserved.extend(vec![0; 3 << 20]);
    let files = [
        (4, file(&[(1, 10), (2, 10), (1, 20), (9, 5)])),
        (5, reserved),
        (6, file(&[])),
    ];
    let loaded = load(&files, i64::MIN);
    assert_eq!(loaded.chunks, [(1, 10), (1, 20), (2, 10), (2, 20)]);
    assert_eq!(loaded.damage, None);
    assert_eq!((loaded.reference_max, loaded.late), (9, 1));
    assert_eq!(
        load(&files, 20).chunks,
        [(1, 20), (2, 20)],
        "the rest is in blocks"
    );
    assert!(
        load(&files, 15).chunks.is_empty(),
        "a chunk that is in a block in part is rebuilt from the log, and all behind it"
    );
    assert_eq!(load(&[], i64::MIN).damage, None);
}

#[test]
fn a_torn_end_costs_only_itself() {
    let whole = file(&[(1, 10), (1, 20)]);
    let second = file(&[(1, 10)]).len();
    // The first bytes of a reference are zeros, like reserved space.
    for length in second + 8..whole.len() {
        let loaded = load(&[(1, whole[..length].to_vec())], i64::MIN);
        assert_eq!(loaded.chunks, [(1, 10)], "{length}");
        assert!(loaded.damage.is_some(), "{length}");
        assert_eq!(names_in(&loaded.directory, "chunks_head"), ["000001", "000002"]);
        assert_eq!(
            names_in(&loaded.directory, "quarantine"),
            [format!("chunks_head-000001-from-{second}")]
        );
    }
    for length in 1..second {
        let loaded = load(&[(1, whole[..length].to_vec())], i64::MIN);
        assert!(loaded.chunks.is_empty(), "{length}");
        let is_blank = (HEADER_BYTES..HEADER_BYTES + 8).contains(&length);
        assert_eq!(loaded.damage.is_none(), is_blank, "{length}");
    }
    let loaded = load(&[(3, whole), (4, Vec::new())], i64::MIN);
    assert_eq!(loaded.chunks.len(), 2);
    assert!(loaded.damage.is_some());
    assert!(
        names_in(&loaded.directory, "quarantine").is_empty(),
        "there was nothing in it"
    );
}

#[test]
fn files_behind_damage_are_set_aside() {
    let whole = || file(&[(1, 10), (1, 20)]);
    let second = file(&[(1, 10)]).len();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = whole();
        change(&mut content);
        content
    };
    let in_zeros = with(&|content| {
        content.truncate(second);
        content.extend([0; 100]);
        content.push(1);
    });
    let overlap = file(&[(1, 10), (1, 19)]);
    let reversed = file(&[(1, 10), (1, 0)]);
    let flipped = with(&|content| content[second + 30] ^= 1);
    for content in [in_zeros, overlap, reversed, flipped] {
        let loaded = load(
            &[(1, content), (2, file(&[(2, 10)])), (3, file(&[(3, 10)]))],
            i64::MIN,
        );
        assert_eq!(loaded.chunks, [(1, 10)]);
        assert!(loaded.damage.is_some());
        let kept = names_in(&loaded.directory, "quarantine");
        assert_eq!(kept.len(), 3, "{kept:?}");
    }
    let gap = load(&[(1, whole()), (3, file(&[(2, 10)]))], i64::MIN);
    assert_eq!(gap.chunks, [(1, 10), (1, 20)]);
    assert!(gap.damage.unwrap().contains("missing"));
    let foreign = load(&[(1, b"something else".to_vec()), (2, whole())], i64::MIN);
    assert!(foreign.chunks.is_empty() && foreign.damage.is_some());
    assert_eq!(names_in(&foreign.directory, "quarantine").len(), 2);
}

#[test]
fn a_chunk_written_twice_counts_once() {
    let loaded = load(
        &[
            (1, file(&[(1, 10), (1, 20)])),
            (2, file(&[(1, 10), (1, 20), (1, 30)])),
        ],
        i64::MIN,
    );
    assert_eq!(loaded.chunks, [(1, 10), (1, 20), (1, 30)]);
    assert_eq!(loaded.damage, None);
}

#[test]
fn many_large_files_are_read_in_parallel() {
    let mut files = Vec::new();
    for number in 1..=5_u32 {
        let chunks: Vec<(u64, i64)> = (0..100_000)
            .map(|series| (series, i64::from(number) * 10))
            .collect();
        files.push((number, file(&chunks)));
    }
    let directory = MemoryDirectory::new();
    directory.create_directory(names::HEAD_CHUNKS).unwrap();
    for (number, content) in &files {
        let file = directory.open(&names::head_chunk_file(*number), OpenMode::Create);
        file.unwrap().append(content).unwrap();
    }
    let shared: Arc<dyn Directory> = Arc::new(directory);
    let (_, mut found) = load_mapped_chunks(&shared, i64::MIN).unwrap();
    assert!(found.damage.is_none(), "{:?}", found.damage);
    assert_eq!((found.by_reference.len(), found.late.len()), (99_999, 5));
    let starts: Vec<i64> = found.take(77).iter().map(|chunk| chunk.start_ms).collect();
    assert_eq!(starts, [10, 20, 30, 40, 50]);
}
