//! [`SegmentReader`]: streams the records of one segment and steps over damage.

use std::io;
use std::sync::Arc;

use crate::format::wal_page::{
    self, Compression, Fragment, FragmentKind, HEADER_BYTES, PAGE_BYTES, PageError, read_fragment,
};
use crate::storage::{Directory, File, OpenMode, read_full};

/// How much is read at once: whole pages.
const BUFFER_BYTES: usize = 32 * PAGE_BYTES;

/// A place in a segment that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where it begins, in bytes from the start of the segment.
    pub(crate) offset: u64,
    pub(crate) message: String,
    /// Whether everything from here to the end of the file is just an unfinished write.
    pub(crate) is_unfinished: bool,
}

/// What a segment holds next.
#[derive(Debug)]
pub(crate) enum SegmentEvent<'a> {
    /// A whole record, decompressed.
    Record(&'a [u8]),
    Damage(Damage),
    End,
}

/// Streams the records of one segment.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    file: Arc<dyn File>,
    /// Bytes behind this do not belong to the segment (yet).
    limit_bytes: u64,
    buffer: Vec<u8>,
    /// Where in the segment the buffer begins; a multiple of the page size.
    buffer_start: u64,
    position: usize,
    record: RecordAssembler,
    whole_end: u64,
}

impl SegmentReader {
    /// Reads the first `limit_bytes` bytes of a segment.
    pub(crate) fn open(directory: &dyn Directory, path: &str, limit_bytes: u64) -> io::Result<Self> {
        Self::from_file(directory.open(path, OpenMode::Read)?, limit_bytes)
    }

    /// As [`SegmentReader::open`], of a file that is open.
    pub(crate) fn from_file(file: Arc<dyn File>, limit_bytes: u64) -> io::Result<Self> {
        let limit_bytes = limit_bytes.min(file.size_bytes()?);
        Ok(Self {
            file,
            limit_bytes,
            buffer: Vec::new(),
            buffer_start: 0,
            position: 0,
            record: RecordAssembler::default(),
            whole_end: 0,
        })
    }

    /// Where the last whole record ends.
    pub(crate) fn whole_end(&self) -> u64 {
        self.whole_end
    }

    /// What comes next. Damage costs what is left of its page and records that continue from there.
    pub(crate) fn next_event(&mut self) -> io::Result<SegmentEvent<'_>> {
        loop {
            if self.position == self.buffer.len() && !self.fill()? {
                return Ok(match self.record.abandon() {
                    Some(offset) => SegmentEvent::Damage(Damage {
                        offset,
                        message: "the segment ends inside a record".to_owned(),
                        is_unfinished: true,
                    }),
                    None => SegmentEvent::End,
                });
            }
            let offset = self.buffer_start + self.position as u64;
            let page_end = (self.position / PAGE_BYTES + 1) * PAGE_BYTES;
            let rest = self
                .buffer
                .get(self.position..page_end.min(self.buffer.len()))
                .unwrap_or_default();
            let is_cut_page = rest.len() < page_end - self.position;
            match read_fragment(rest) {
                Ok(None) => self.position = page_end.min(self.buffer.len()),
                Ok(Some(fragment)) if self.record.is_cut_short_by(fragment.kind) => {
                    return Ok(SegmentEvent::Damage(Damage {
                        offset: self.record.abandon().unwrap_or(offset),
                        message: "a record has no end".to_owned(),
                        is_unfinished: false,
                    }));
                }
                Ok(Some(fragment)) => {
                    self.position += HEADER_BYTES + fragment.data.len();
                    match self.record.push(fragment, offset) {
                        Step::More => {}
                        Step::Whole => {
                            self.whole_end = self.buffer_start + self.position as u64;
                            return Ok(SegmentEvent::Record(self.record.whole()));
                        }
                        Step::Damage(damage) => return Ok(SegmentEvent::Damage(damage)),
                    }
                }
                Err(error) => {
                    self.position = page_end.min(self.buffer.len());
                    let begin = self.record.abandon().unwrap_or(offset);
                    return Ok(SegmentEvent::Damage(Damage {
                        offset: begin,
                        message: error.to_string(),
                        is_unfinished: is_cut_page && error == PageError::Incomplete,
                    }));
                }
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer_start += self.buffer.len() as u64;
        self.position = 0;
        let wanted = self
            .limit_bytes
            .saturating_sub(self.buffer_start)
            .min(BUFFER_BYTES as u64);
        self.buffer.resize(wanted as usize, 0);
        let length = match read_full(&*self.file, &mut self.buffer, self.buffer_start) {
            Ok(length) => length,
            Err(error) => {
                self.buffer.clear();
                return Err(error);
            }
        };
        self.buffer.truncate(length);
        Ok(length > 0)
    }
}

enum Step {
    More,
    Whole,
    Damage(Damage),
}

/// Puts fragments together.
#[derive(Debug, Default)]
struct RecordAssembler {
    stored: Vec<u8>,
    plain: Vec<u8>,
    compression: Compression,
    /// Where the record that is being put together begins.
    begin: Option<u64>,
    /// After damage, fragments that continue a lost record are expected and say nothing new.
    is_lost: bool,
}

impl RecordAssembler {
    /// Whether a fragment begins a record although the one before has no end.
    fn is_cut_short_by(&self, kind: FragmentKind) -> bool {
        self.begin.is_some() && matches!(kind, FragmentKind::Full | FragmentKind::First)
    }

    fn push(&mut self, fragment: Fragment<'_>, offset: u64) -> Step {
        if matches!(fragment.kind, FragmentKind::Full | FragmentKind::First) {
            self.stored.clear();
            self.begin = Some(offset);
            self.is_lost = false;
        } else if self.begin.is_none() {
            if self.is_lost {
                return Step::More;
            }
            self.is_lost = true;
            return Step::Damage(Damage {
                offset,
                message: "a record has no beginning".to_owned(),
                is_unfinished: false,
            });
        }
        self.compression = fragment.compression;
        match fragment.kind {
            FragmentKind::Full if self.compression != Compression::None => {
                self.decompress(fragment.data, offset)
            }
            FragmentKind::Full => {
                self.stored.extend_from_slice(fragment.data);
                self.begin = None;
                Step::Whole
            }
            FragmentKind::First | FragmentKind::Middle => {
                self.stored.extend_from_slice(fragment.data);
                Step::More
            }
            FragmentKind::Last => {
                self.stored.extend_from_slice(fragment.data);
                let stored = std::mem::take(&mut self.stored);
                let step = if self.compression == Compression::None {
                    self.begin = None;
                    Step::Whole
                } else {
                    self.decompress(&stored, offset)
                };
                self.stored = stored;
                step
            }
        }
    }

    fn decompress(&mut self, stored: &[u8], offset: u64) -> Step {
        let begin = self.begin.take().unwrap_or(offset);
        match wal_page::decompress(self.compression, stored, &mut self.plain) {
            Ok(()) => Step::Whole,
            Err(error) => Step::Damage(Damage {
                offset: begin,
                message: error.to_string(),
                is_unfinished: false,
            }),
        }
    }

    fn whole(&self) -> &[u8] {
        match self.compression {
            Compression::None => &self.stored,
            Compression::Snappy | Compression::Zstd => &self.plain,
        }
    }

    /// Gives up the record that is being put together and says where it began.
    fn abandon(&mut self) -> Option<u64> {
        self.is_lost = true;
        self.begin.take()
    }
}

#[cfg(test)]
mod tests;
