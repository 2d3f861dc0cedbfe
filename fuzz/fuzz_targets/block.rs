//! Any bytes as the parts of a block, framed with right checksums: reading, verifying, deleting and compacting never panic, and
//! a block without problems answers the same after compaction.

#![expect(clippy::expect_used, reason = "a panic is how a target reports what it found")]
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use moheng_metrics::{Labels, MatchOp, Matcher, SampleBuffer, Select, SeriesSource, SourceError};
use moheng_tsdb::block::{Block, Ulid};
use moheng_tsdb::compact::compact_blocks;
use moheng_tsdb::storage::{Directory, MemoryDirectory};
use moheng_tsdb::testing::BlockParts;

const NAME: &str = "01HF7YAT000000000000000001";

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let parts = BlockParts {
        chunk: (number(&mut rest), piece(&mut rest)),
        symbols: (u32::from(number(&mut rest)), piece(&mut rest)),
        series: piece(&mut rest),
        postings: piece(&mut rest),
        table: (u32::from(number(&mut rest)), piece(&mut rest)),
        tombstones: piece(&mut rest),
    };
    let version = number(&mut rest) % 4;
    let directory: Arc<dyn Directory> = Arc::new(MemoryDirectory::new());
    parts.write(&*directory, NAME, version).expect("memory has room");
    let Ok(block) = Block::open(Arc::clone(&directory), NAME) else {
        return;
    };
    let report = block.verify().expect("memory can be read");
    let all = read(&block, &Select::new(vec![], i64::MIN, i64::MAX));
    let matcher = Matcher::new(MatchOp::Regex, "a", "b.*|c").expect("a pattern");
    let select = Select::new(vec![matcher.clone()], 3, 700);
    // Damaged blocks may fail; only panics count.
    let _ = read(&block, &select);
    let _ = (block.label_names(&select), block.label_values("a", &select));
    let compacted = compact_blocks(&directory, std::slice::from_ref(&block), Ulid::new(5, 5));
    // The made-up description counts nothing, which is no damage for this purpose.
    if report
        .problems
        .iter()
        .all(|problem| problem.to_string().contains("meta.json"))
    {
        let all = all.expect("a whole block is read");
        let meta = compacted.expect("a whole block is compacted");
        let again = meta.map_or(Vec::new(), |meta| {
            let block = Block::open(Arc::clone(&directory), &meta.ulid.to_string()).expect("it was written");
            read(&block, &Select::new(vec![], i64::MIN, i64::MAX)).expect("it was written")
        });
        let with_samples: Vec<_> = all.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(with_samples, again);
    }
    let _ = block.delete(&[matcher], 3, 700);
});

/// The series and how many samples each has.
fn read(block: &Block, select: &Select) -> Result<Vec<(Labels, usize)>, SourceError> {
    let mut cursor = block.select(select)?;
    let mut all = Vec::new();
    let mut samples = SampleBuffer::new();
    while let Some(mut series) = cursor.next_series()? {
        samples.clear();
        while series.samples.read(&mut samples)? {}
        all.push((series.labels, samples.len()));
    }
    Ok(all)
}

fn number(rest: &mut &[u8]) -> u8 {
    let (first, after) = rest.split_first().unwrap_or((&0, &[]));
    *rest = after;
    *first
}

/// A piece with its length in front.
fn piece<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(number(rest)).min(rest.len());
    let (piece, after) = rest.split_at(length);
    *rest = after;
    piece
}
