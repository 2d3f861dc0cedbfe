//! [`Spill`]: records put aside while an index is written, in memory while they are few, in a file beside it otherwise.

use std::sync::Arc;

use crate::Error;
use crate::format::{ByteReader, put_varint};
use crate::storage::{Appender, Blob, Directory, Window};

/// So much stays in memory.
const MEMORY_BYTES: usize = 8 << 20;

/// The file is read in pieces of this size.
const READ_BYTES: usize = 1 << 20;

/// Records put aside, to be read in the same order.
#[derive(Debug)]
pub(super) struct Spill {
    directory: Arc<dyn Directory>,
    path: String,
    memory: Vec<u8>,
    file: Option<Appender>,
}

impl Spill {
    pub(super) fn new(directory: Arc<dyn Directory>, path: String) -> Self {
        Self {
            directory,
            path,
            memory: Vec::new(),
            file: None,
        }
    }

    /// Puts a record aside.
    pub(super) fn push(&mut self, record: &[u8]) -> Result<(), Error> {
        let out = match &mut self.file {
            Some(file) => {
                file.flush_when_full()?;
                file.buffer()
            }
            None => &mut self.memory,
        };
        put_varint(out, record.len() as u64);
        out.extend_from_slice(record);
        if self.file.is_none() && self.memory.len() > MEMORY_BYTES {
            let mut file = Appender::create(&*self.directory, self.path.clone())?;
            file.buffer().append(&mut self.memory);
            file.flush()?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        Ok(())
    }

    /// Calls `visitor` for every record and removes the file.
    pub(super) fn drain(self, mut visitor: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let Some(mut file) = self.file else {
            let mut reader = ByteReader::new(&self.memory);
            while !reader.is_empty() {
                visitor(next_record(&mut reader).ok_or_else(|| damaged(&self.path))?)?;
            }
            return Ok(());
        };
        file.flush()?;
        drop(file);
        let blob = Blob::open(&*self.directory, &self.path)?;
        let mut window = Window::default();
        let mut offset = 0;
        while offset < blob.size_bytes() {
            // A length takes at most ten bytes; with it the record is known.
            let mut reader = ByteReader::new(window.get(&blob, offset, 10, READ_BYTES)?);
            let before = reader.rest().len();
            let length = reader.varint().map_err(|_| damaged(&self.path))?;
            let stored = before - reader.rest().len() + length as usize;
            let mut reader = ByteReader::new(window.get(&blob, offset, stored, READ_BYTES)?);
            visitor(next_record(&mut reader).ok_or_else(|| damaged(&self.path))?)?;
            offset += stored as u64;
        }
        self.directory
            .remove(&self.path)
            .map_err(Error::io(format!("removing {}", self.path)))
    }
}

fn next_record<'a>(reader: &mut ByteReader<'a>) -> Option<&'a [u8]> {
    let length = reader.varint().ok()?;
    reader.bytes(usize::try_from(length).ok()?).ok()
}

fn damaged(path: &str) -> Error {
    Error::Corrupt {
        path: path.to_owned(),
        message: "not what was written".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryDirectory;

    fn check(record_bytes: usize, count: usize, is_in_file: bool) {
        let directory = Arc::new(MemoryDirectory::new());
        let mut spill = Spill::new(directory.clone(), "spill".to_owned());
        for number in 0..count {
            spill
                .push(&vec![number as u8; record_bytes + number % 3])
                .unwrap();
        }
        assert_eq!(directory.list("").unwrap().len(), usize::from(is_in_file));
        let mut number = 0;
        spill
            .drain(|record| {
                assert_eq!(record, vec![number as u8; record_bytes + number % 3]);
                number += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(number, count);
        assert!(directory.list("").unwrap().is_empty());
    }

    #[test]
    fn records_come_back_in_order() {
        check(0, 10, false);
        check(100, 100, false);
        check(1000, 12_000, true);
        check(3 << 20, 4, true);
    }
}
