//! Index files of versions 1 and 3, which are read and never written.

use std::ops::ControlFlow;
use std::sync::Arc;

use moheng_metrics::{Labels, MatchOp, Matcher};

use super::{IndexReader, SeriesReader, matching, verify_index};
use crate::format::chunk_file::ChunkReference;
use crate::format::index_file::Contents;
use crate::format::index_postings::{PostingsEntry, put_postings};
use crate::format::index_series::{ChunkMeta, put_chunks, put_series};
use crate::format::{Checksum, put_bytes};
use crate::storage::{Directory, MemoryDirectory, OpenMode};

fn put_section(out: &mut Vec<u8>, count: u32, content: &[u8]) {
    out.extend_from_slice(&(content.len() as u32 + 4).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(content);
    let mut checksum = Checksum::new();
    checksum.update(&out[start..]);
    out.extend_from_slice(&checksum.finish().to_be_bytes());
}

const VALUES: usize = 100;

/// Series `{n="0"}` to `{n="99"}`, in that order of texts, with one chunk each.
fn file(version: u8) -> (Vec<u8>, Vec<String>) {
    let mut values: Vec<String> = (0..VALUES).map(|number| number.to_string()).collect();
    values.sort();
    let mut out = vec![0xba, 0xaa, 0xd7, 0, version];
    let mut contents = Contents {
        symbols: out.len() as u64,
        ..Contents::default()
    };
    let mut symbols = Vec::new();
    let mut references = Vec::new();
    let texts: Vec<&str> = values.iter().map(String::as_str).chain(["n"]).collect();
    for (number, text) in texts.iter().enumerate() {
        let offset = out.len() + 8 + symbols.len();
        references.push(if version == 1 {
            offset as u32
        } else {
            number as u32
        });
        put_bytes(&mut symbols, text.as_bytes());
    }
    put_section(&mut out, texts.len() as u32, &symbols);
    contents.series = out.len() as u64;
    let mut series = Vec::new();
    for number in 0..VALUES {
        if version != 1 {
            out.resize(out.len().next_multiple_of(16), 0);
        }
        series.push(if version == 1 {
            out.len() as u32
        } else {
            (out.len() / 16) as u32
        });
        let chunk = ChunkMeta {
            start_ms: number as i64,
            end_ms: 1000,
            reference: ChunkReference(number as u64),
        };
        let mut chunks = Vec::new();
        put_chunks(&mut chunks, &[chunk]);
        let labels = [(references[VALUES], references[number])];
        put_series(&mut out, labels.into_iter(), &chunks, &mut Vec::new());
    }
    contents.postings = out.len() as u64;
    let mut entries = vec![("", "", out.len() as u64)];
    put_postings(&mut out, &series);
    for (value, &series) in values.iter().zip(&series) {
        entries.push(("n", value, out.len() as u64));
        put_postings(&mut out, &[series]);
    }
    if version == 1 {
        // Nothing sorts the table there.
        entries.reverse();
    }
    let mut table = Vec::new();
    for &(name, value, offset) in &entries {
        PostingsEntry { name, value, offset }.put(&mut table);
    }
    contents.postings_offset_table = out.len() as u64;
    put_section(&mut out, entries.len() as u32, &table);
    contents.put(&mut out);
    (out, values)
}

fn check(version: u8) {
    let (bytes, values) = file(version);
    let directory = MemoryDirectory::new();
    directory.create_directory("block").unwrap();
    let file = directory.open("block/index", OpenMode::Create).unwrap();
    file.append(&bytes).unwrap();
    let index = Arc::new(IndexReader::open(&directory, "block").unwrap());
    assert_eq!(index.names().collect::<Vec<_>>(), ["n"]);
    assert_eq!(index.values("n", usize::MAX).unwrap(), values);
    assert_eq!(index.values("n", 3).unwrap(), values[..3]);
    let find = |op, value: &str| {
        let matcher = Matcher::new(op, "n", value).unwrap();
        let mut reader = SeriesReader::new(Arc::clone(&index));
        let series = matching(&index, &[matcher]).unwrap().into_iter().map(|series| {
            reader.read(series).unwrap();
            reader.labels().unwrap().get("n").unwrap().to_owned()
        });
        series.collect::<Vec<String>>()
    };
    for value in &values {
        assert_eq!(find(MatchOp::Equal, value), std::slice::from_ref(value));
    }
    assert_eq!(find(MatchOp::Regex, "7.*").len(), 11);
    assert_eq!(find(MatchOp::Regex, "98|99|100"), ["98", "99"]);
    assert_eq!(find(MatchOp::NotRegex, "[1-9].*"), ["0"]);
    assert!(find(MatchOp::Equal, "100").is_empty());
    let mut count = 0;
    verify_index(
        &index,
        |_, labels: &Labels, chunks: &[ChunkMeta]| {
            assert_eq!(labels.get("n"), Some(values[count].as_str()));
            assert_eq!(chunks[0].reference.0, count as u64);
            count += 1;
            ControlFlow::Continue(())
        },
        |problem| panic!("{problem}"),
    )
    .unwrap();
    assert_eq!(count, VALUES);
}

#[test]
fn older_and_newer_versions_are_read() {
    check(1);
    check(2);
    check(3);
}
