//! Blocks that are damaged, or whose writing was interrupted at any operation.

use std::sync::Arc;

use moheng_metrics::{Labels, SampleBuffer, Select, SeriesSource};
use moheng_tsdb::Error;
use moheng_tsdb::block::{Block, BlockMeta, BlockWriter, Ulid, list_blocks, remove_block, remove_temporary};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};

use crate::support::{content, series};

fn write(directory: Arc<dyn Directory>, number: i64) -> Result<Option<BlockMeta>, Error> {
    let meta = BlockMeta::new(Ulid::new(number, 1), 0, 10_000);
    let mut all: Vec<Labels> = (0..12).map(series).collect();
    all.sort();
    let mut writer = BlockWriter::create(directory, meta)?;
    for (number, labels) in all.iter().enumerate() {
        let mut samples = SampleBuffer::new();
        for step in 0..150 {
            samples.floats.push(step * 60, (step * number as i64) as f64);
        }
        writer.add_series(labels, &samples)?;
    }
    writer.finish()
}

fn read(directory: &MemoryDirectory, path: &str) -> Vec<u8> {
    let file = directory.open(path, OpenMode::Read).unwrap();
    let mut content = vec![0; file.size_bytes().unwrap() as usize];
    let length = file.read_at(&mut content, 0).unwrap();
    assert_eq!(length, content.len());
    content
}

fn files(directory: &MemoryDirectory, block: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in directory.list(block).unwrap() {
        let path = format!("{block}/{}", entry.name);
        if entry.is_directory {
            paths.extend(files(directory, &path));
        } else {
            paths.push(path);
        }
    }
    paths
}

/// Everything through the read seam; `None` when something says that it is damaged.
fn try_content(block: &Block) -> Option<crate::support::Content> {
    let mut cursor = block.select(&Select::new(vec![], i64::MIN, i64::MAX)).ok()?;
    let mut all = Vec::new();
    while let Some(mut series) = cursor.next_series().ok()? {
        let mut samples = SampleBuffer::new();
        while series.samples.read(&mut samples).ok()? {}
        let bits = samples.floats.values.iter().map(|value| value.to_bits());
        let samples = samples.floats.timestamps_ms.iter().copied().zip(bits).collect();
        all.push((series.labels, samples));
    }
    Some(all)
}

#[test]
fn every_changed_byte_is_found_and_never_answered_wrongly() {
    let directory = MemoryDirectory::new();
    let name = write(Arc::new(directory.clone()), 1)
        .unwrap()
        .unwrap()
        .ulid
        .to_string();
    let whole = content(&Block::open(Arc::new(directory.clone()), &name).unwrap());
    for path in files(&directory, &name) {
        if path.ends_with("meta.json") {
            continue;
        }
        let good = read(&directory, &path);
        // Every byte of the ends, where headers and tables are, and some between.
        let places =
            (0..good.len()).filter(|place| *place < 64 || good.len() - place < 400 || place % 97 == 0);
        for place in places {
            let mut bad = good.clone();
            bad[place] ^= 1 << (place % 8);
            directory.remove(&path).unwrap();
            directory
                .open(&path, OpenMode::Create)
                .unwrap()
                .append(&bad)
                .unwrap();
            let Ok(block) = Block::open(Arc::new(directory.clone()), &name) else {
                continue;
            };
            if let Some(found) = try_content(&block) {
                assert_eq!(found, whole, "{path} at {place}");
            }
            let problems = block.verify().unwrap().problems;
            // Padding between series, and bytes of a chunk header that mean nothing, are covered by no checksum.
            let is_padding = good[place] == 0;
            assert!(
                !problems.is_empty() || is_padding,
                "{path} at {place} is not found"
            );
        }
        for length in [0, 3, 8, good.len() / 2, good.len() - 1] {
            directory.remove(&path).unwrap();
            let file = directory.open(&path, OpenMode::Create).unwrap();
            file.append(&good[..length]).unwrap();
            if let Ok(block) = Block::open(Arc::new(directory.clone()), &name) {
                assert!(
                    !block.verify().unwrap().problems.is_empty(),
                    "{path} cut to {length}"
                );
            }
        }
        directory.remove(&path).unwrap();
        directory
            .open(&path, OpenMode::Create)
            .unwrap()
            .append(&good)
            .unwrap();
    }
    assert!(
        Block::open(Arc::new(directory), &name)
            .unwrap()
            .verify()
            .unwrap()
            .problems
            .is_empty()
    );
}

/// Interrupts the writing of a second block, or the removal of the first, at every operation.
fn check_interrupted(fault: Fault, change: impl Fn(Arc<dyn Directory>) -> Result<(), Error>) {
    for at in 0.. {
        let directory = MemoryDirectory::new();
        let first = write(Arc::new(directory.clone()), 1).unwrap().unwrap();
        let expected = content(&Block::open(Arc::new(directory.clone()), &first.ulid.to_string()).unwrap());
        let faulty = FaultDirectory::new(Arc::new(directory.clone()));
        faulty.fail_at(at, fault, false);
        let outcome = change(Arc::new(faulty.clone()));
        let survivors = [
            directory.after_process_crash(),
            directory.after_power_cut(|_| 0),
            directory.after_power_cut(|unsynced| unsynced / 2),
        ];
        for (directory, is_power_cut) in survivors.into_iter().zip([false, true, true]) {
            let listing = list_blocks(&directory).unwrap();
            assert!(
                listing.damaged.is_empty(),
                "operation {at}: {:?}",
                listing.damaged
            );
            if outcome.is_ok() && !is_power_cut {
                assert!(listing.temporary.is_empty());
            }
            for name in &listing.temporary {
                remove_temporary(&directory, name).unwrap();
            }
            assert!(list_blocks(&directory).unwrap().temporary.is_empty());
            for meta in listing.blocks {
                let block = Block::open(Arc::new(directory.clone()), &meta.ulid.to_string()).unwrap();
                assert_eq!(content(&block), expected, "operation {at}");
                assert!(block.verify().unwrap().problems.is_empty());
            }
        }
        if faulty.fired() == 0 {
            outcome.unwrap();
            return;
        }
    }
}

#[test]
fn a_block_is_there_whole_or_not_at_all() {
    for fault in [Fault::Crash, Fault::Io, Fault::Full] {
        check_interrupted(fault, |directory| write(directory, 2).map(|_| ()));
        check_interrupted(fault, |directory| remove_block(&*directory, Ulid::new(1, 1)));
    }
}

#[test]
fn a_finished_block_survives_a_power_cut() {
    let directory = MemoryDirectory::new();
    let meta = write(Arc::new(directory.clone()), 1).unwrap().unwrap();
    let expected = content(&Block::open(Arc::new(directory.clone()), &meta.ulid.to_string()).unwrap());
    let survivor = Arc::new(directory.after_power_cut(|_| 0));
    let block = Block::open(survivor, &meta.ulid.to_string()).unwrap();
    assert_eq!(content(&block), expected);
}
