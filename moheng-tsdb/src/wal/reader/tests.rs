//! Segments with every kind of damage.

use super::*;
use crate::format::wal_page::write_record;
use crate::storage::MemoryDirectory;

#[derive(Debug, PartialEq)]
enum Seen {
    Record(u8, usize),
    Damage(u64, bool),
}

fn read(segment: &[u8]) -> (Vec<Seen>, u64) {
    let directory = MemoryDirectory::new();
    directory
        .open("s", OpenMode::Create)
        .unwrap()
        .append(segment)
        .unwrap();
    let mut reader = SegmentReader::open(&directory, "s", u64::MAX).unwrap();
    let mut seen = Vec::new();
    loop {
        match reader.next_event().unwrap() {
            SegmentEvent::Record(record) => seen.push(Seen::Record(record[0], record.len())),
            SegmentEvent::Damage(damage) => seen.push(Seen::Damage(damage.offset, damage.is_unfinished)),
            SegmentEvent::End => break,
        }
    }
    (seen, reader.whole_end())
}

/// Records named 1, 2, ... of these lengths, and where each begins.
fn segment(lengths: &[usize], compression: Compression) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    for (name, &length) in (1..).zip(lengths) {
        starts.push(bytes.len());
        let mut record = vec![name; length];
        match compression {
            Compression::None => {}
            Compression::Snappy => record = snap::raw::Encoder::new().compress_vec(&record).unwrap(),
            Compression::Zstd => record = zstd::encode_all(&*record, 0).unwrap(),
        }
        let before = bytes.len() as u64;
        write_record(&record, compression, before, &mut bytes);
    }
    (bytes, starts)
}

#[test]
fn whole_segments_are_read() {
    let lengths = [10, 100_000, 1, 32_000, 2_000_000, 7];
    for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
        let (bytes, _) = segment(&lengths, compression);
        let (seen, whole_end) = read(&bytes);
        let expected: Vec<_> = (1..)
            .zip(lengths)
            .map(|(name, length)| Seen::Record(name, length))
            .collect();
        assert_eq!(seen, expected);
        assert_eq!(whole_end, bytes.len() as u64);
        let mut padded = bytes.clone();
        padded.resize(bytes.len().next_multiple_of(PAGE_BYTES) + PAGE_BYTES, 0);
        assert_eq!(
            read(&padded),
            (expected, whole_end),
            "zeros at the end are nothing"
        );
    }
    assert_eq!(read(&[]), (vec![], 0));
}

#[test]
fn a_torn_tail_is_unfinished_wherever_it_is_torn() {
    let (bytes, starts) = segment(&[10, 40_000, 20], Compression::None);
    for length in starts[2] + 1..bytes.len() {
        let expected = vec![
            Seen::Record(1, 10),
            Seen::Record(2, 40_000),
            Seen::Damage(starts[2] as u64, true),
        ];
        assert_eq!(read(&bytes[..length]), (expected, starts[2] as u64), "{length}");
    }
    for length in [
        starts[1] + 3,
        starts[1] + 100,
        PAGE_BYTES,
        PAGE_BYTES + 3,
        starts[2] - 1,
    ] {
        let expected = vec![Seen::Record(1, 10), Seen::Damage(starts[1] as u64, true)];
        assert_eq!(read(&bytes[..length]), (expected, starts[1] as u64), "{length}");
    }
}

#[test]
fn damage_costs_its_page_and_what_continues_from_it() {
    // Records 1 and 2 on page 0; 3 from page 0 to 1; 4 on page 1; 5 from page 1 to 3; 6 on page 3.
    let (bytes, starts) = segment(&[10, 20, 40_000, 30, 50_000, 40], Compression::None);
    let damaged = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        read(&bytes).0
    };
    let start = |record: usize| starts[record - 1] as u64;
    assert_eq!(
        damaged(starts[1] + 10),
        [
            Seen::Record(1, 10),
            Seen::Damage(start(2), false),
            Seen::Record(4, 30),
            Seen::Record(5, 50_000),
            Seen::Record(6, 40),
        ]
    );
    assert_eq!(
        damaged(PAGE_BYTES + 20),
        [
            Seen::Record(1, 10),
            Seen::Record(2, 20),
            Seen::Damage(start(3), false),
            Seen::Record(6, 40),
        ],
        "4 and the beginning of 5 are on the damaged page"
    );
    assert_eq!(
        damaged(starts[5] + 8).last(),
        Some(&Seen::Damage(start(6), false)),
        "the last record"
    );
}

#[test]
fn misplaced_fragments_are_damage() {
    let (first, _) = segment(&[PAGE_BYTES + 100], Compression::None);
    let page = &first[..PAGE_BYTES];
    let (whole, _) = segment(&[10], Compression::None);
    // A first fragment, then a page with a whole record.
    let mut bytes = page.to_vec();
    bytes.extend(&whole);
    assert_eq!(read(&bytes).0, [Seen::Damage(0, false), Seen::Record(1, 10)]);
    // A last fragment without a first one.
    let mut bytes = first[PAGE_BYTES..].to_vec();
    let end = bytes.len() as u64;
    bytes.extend(&whole);
    assert_eq!(read(&bytes).0, [Seen::Damage(0, false), Seen::Record(1, 10)]);
    assert!(end > 0);
}
