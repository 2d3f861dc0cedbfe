//! Frames blocks for fuzzing: what random bytes never have is a matching checksum.

use std::io;

use crate::format::Checksum;
use crate::format::chunk_file;
use crate::format::index_file::{Contents, HEADER};
use crate::format::put_varint;
use crate::storage::{Directory, OpenMode};

/// The parts of a block as bytes without frames.
#[derive(Clone, Debug, Default)]
pub struct BlockParts<'a> {
    /// The encoding of the only chunk, and its data.
    pub chunk: (u8, &'a [u8]),
    /// The entries of the symbol table, and how many they are said to be.
    pub symbols: (u32, &'a [u8]),
    /// The body of the only series.
    pub series: &'a [u8],
    /// The body of the only list of postings, behind that of all series.
    pub postings: &'a [u8],
    /// The entries of the postings table behind that of all series, and how many they are said to be.
    pub table: (u32, &'a [u8]),
    /// The entries of the tombstones.
    pub tombstones: &'a [u8],
}

impl BlockParts<'_> {
    /// Writes a block of this version into the directory `block`, every checksum right.
    ///
    /// # Errors
    ///
    /// When the directory fails.
    pub fn write(&self, directory: &dyn Directory, block: &str, version: u8) -> io::Result<()> {
        directory.create_directory(block)?;
        directory.create_directory(&format!("{block}/chunks"))?;
        let write = |name: &str, content: &[u8]| {
            let file = directory.open(&format!("{block}/{name}"), OpenMode::Create)?;
            file.append(content)
        };
        let mut chunks = chunk_file::HEADER.to_vec();
        chunk_file::put_chunk(&mut chunks, self.chunk.0, self.chunk.1);
        write("chunks/000001", &chunks)?;
        write("index", &self.index(version))?;
        let mut tombstones = vec![0x01, 0x30, 0xba, 0x30, 1];
        tombstones.extend_from_slice(self.tombstones);
        put_checksum(&mut tombstones, self.tombstones);
        write("tombstones", &tombstones)?;
        let meta = format!(
            r#"{{"ulid":"{block}","minTime":0,"maxTime":1000,"compaction":{{"level":1}},"version":1}}"#
        );
        write("meta.json", meta.as_bytes())
    }

    fn index(&self, version: u8) -> Vec<u8> {
        let mut out = HEADER.to_vec();
        if let Some(last) = out.last_mut() {
            *last = version;
        }
        let mut contents = Contents {
            symbols: out.len() as u64,
            ..Contents::default()
        };
        put_section(&mut out, self.symbols.0, self.symbols.1);
        out.resize(out.len().next_multiple_of(16), 0);
        contents.series = out.len() as u64;
        let reference = out.len() / if version == 1 { 1 } else { 16 };
        put_varint(&mut out, self.series.len() as u64);
        out.extend_from_slice(self.series);
        put_checksum(&mut out, self.series);
        let all = out.len() as u64;
        contents.postings = all;
        put_section(&mut out, 1, &(reference as u32).to_be_bytes());
        put_section(&mut out, (self.postings.len() / 4) as u32, self.postings);
        contents.postings_offset_table = out.len() as u64;
        let mut entries = vec![2, 0, 0];
        put_varint(&mut entries, all);
        entries.extend_from_slice(self.table.1);
        put_section(&mut out, self.table.0.saturating_add(1), &entries);
        contents.put(&mut out);
        out
    }
}

fn put_section(out: &mut Vec<u8>, count: u32, content: &[u8]) {
    out.extend_from_slice(&(content.len() as u32 + 4).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(content);
    let covered = out.get(start..).unwrap_or_default().to_vec();
    put_checksum(out, &covered);
}

fn put_checksum(out: &mut Vec<u8>, covered: &[u8]) {
    let mut checksum = Checksum::new();
    checksum.update(covered);
    out.extend_from_slice(&checksum.finish().to_be_bytes());
}
