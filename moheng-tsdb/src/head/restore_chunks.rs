//! [`ChunkRestorer`]: threads that give series of a chunk snapshot the chunks that they begin with.

use std::io;
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use moheng_metrics::{FloatColumns, SampleBuffer};

use super::open_extra::{OpenExtra, value_bits};
use super::page::place;
use super::replay::OpenPage;
use super::sealed::SealedChunk;
use super::series::Series;
use super::{Head, SeriesId};
use crate::chunk::{ChunkError, Encoding, XorAppender};
use crate::format::DecodeError;
use crate::format::chunk_snapshot::{LastValue, SnapshotChunk, read_open_chunk};
use crate::format::wal_histograms::LoggedValue;
use crate::wal::RecordBatch;

/// How far creating series may be ahead.
const QUEUED_BATCHES: usize = 4;

/// A series that was just created, and what it begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) reference: u64,
    pub(super) id: SeriesId,
    pub(super) sealed: Vec<SealedChunk>,
    /// Where its open chunk is in the batch.
    pub(super) chunk: Range<usize>,
}

/// Series that were just created, and the records that they are made of.
#[derive(Debug)]
pub(super) struct Beginnings {
    pub(super) batch: RecordBatch,
    pub(super) all: Vec<Beginning>,
}

/// What came of some beginnings.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) mapped_chunks: u64,
    pub(super) new_chunks: u64,
    pub(super) time_range: Option<(i64, i64)>,
    /// Open chunks, as they were recorded, of which other chunks, or blocks, have a part.
    pub(super) partly: Vec<(u64, Vec<u8>)>,
}

/// Threads that give series their chunks.
#[derive(Debug)]
pub(super) struct ChunkRestorer<'scope> {
    sender: SyncSender<Beginnings>,
    threads: Vec<ScopedJoinHandle<'scope, Result<Restored, DecodeError>>>,
}

impl<'scope> ChunkRestorer<'scope> {
    /// Starts so many threads less one, for whoever creates the series, but at least one.
    pub(super) fn start<'head>(
        scope: &'scope Scope<'scope, 'head>,
        head: &'head Head,
        threads: usize,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(QUEUED_BATCHES);
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |_| {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name("moheng-restore".to_owned())
                .spawn_scoped(scope, move || restore_received(head, &receiver))
        };
        let threads = (1..threads.max(2)).map(start).collect::<io::Result<_>>()?;
        Ok(Self { sender, threads })
    }

    /// Has series restored soon.
    ///
    /// # Errors
    ///
    /// When that is of no use any more.
    pub(super) fn restore(&self, beginnings: Beginnings) -> Result<(), DecodeError> {
        self.sender.send(beginnings).map_err(|_| PANICKED)
    }

    /// Waits until all series are restored.
    ///
    /// # Errors
    ///
    /// When a chunk of one is not what it should be.
    pub(super) fn finish(self) -> Result<Vec<Restored>, DecodeError> {
        drop(self.sender);
        let threads = self.threads.into_iter();
        threads
            .map(|thread| thread.join().unwrap_or(Err(PANICKED)))
            .collect()
    }
}

const PANICKED: DecodeError = DecodeError::Invalid("restoring chunks panicked");

fn restore_received(head: &Head, receiver: &Mutex<Receiver<Beginnings>>) -> Result<Restored, DecodeError> {
    let mut restored = Restored::default();
    let mut floats = FloatColumns::default();
    let mut outcome = Ok(());
    loop {
        let received = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(beginnings) = received else {
            return outcome.map(|()| restored);
        };
        // After damage the rest is only taken, so that nobody waits.
        outcome = outcome.and_then(|()| restore(head, beginnings, &mut restored, &mut floats));
    }
}

fn restore(
    head: &Head,
    Beginnings { batch, all }: Beginnings,
    restored: &mut Restored,
    floats: &mut FloatColumns,
) -> Result<(), DecodeError> {
    let valid_from_ms = head.valid_from_ms();
    let mut rest = all.into_iter().peekable();
    while let Some(next) = rest.peek() {
        let (number, _) = place(next.id);
        let page = head.pages().get(number).cloned();
        let page = page.ok_or(NO_PLACE)?;
        let mut open = OpenPage::new(number, &page);
        while let Some(one) = rest.next_if(|one| place(one.id).0 == number) {
            let series = open.data.series.get_mut(place(one.id).1).ok_or(NO_PLACE)?;
            begin(series, one, &batch, valid_from_ms, (restored, floats))?;
        }
    }
    Ok(())
}

const NO_PLACE: DecodeError = DecodeError::Invalid("a series without a place");

fn begin(
    series: &mut Series,
    one: Beginning,
    batch: &RecordBatch,
    valid_from_ms: i64,
    (restored, floats): (&mut Restored, &mut FloatColumns),
) -> Result<(), DecodeError> {
    if let (Some(first), Some(last)) = (one.sealed.first(), one.sealed.last()) {
        restored.time_range = union(restored.time_range, Some((first.start_ms, last.end_ms())));
        restored.mapped_chunks += one.sealed.len() as u64;
        restored.new_chunks += one.sealed.len() as u64;
        series.sealed = one.sealed;
    }
    let recorded = batch.bytes(one.chunk);
    let Some(open) = read_open_chunk(recorded)? else {
        return Ok(());
    };
    if open.end_ms < valid_from_ms {
        // Blocks hold it.
        return Ok(());
    }
    let is_behind = series.end_ms().is_none_or(|end_ms| end_ms < open.start_ms);
    if !is_behind || open.start_ms < valid_from_ms {
        restored.partly.push((one.reference, recorded.to_vec()));
        return Ok(());
    }
    resume(series, &open, floats).map_err(unreadable)?;
    restored.time_range = union(restored.time_range, Some((open.start_ms, open.end_ms)));
    restored.new_chunks += 1;
    Ok(())
}

/// Goes on with an open chunk behind those of a series.
fn resume(
    series: &mut Series,
    chunk: &SnapshotChunk<'_>,
    floats: &mut FloatColumns,
) -> Result<(), ChunkError> {
    let encoding = Encoding::from_code(chunk.encoding).ok_or(ChunkError::InvalidLayout)?;
    let range = Some((chunk.start_ms, chunk.end_ms));
    if encoding == Encoding::Xor {
        let open = XorAppender::resume(chunk.data, floats)?;
        if range_of(&floats.timestamps_ms) != range {
            return Err(ChunkError::InvalidTimes);
        }
        series.resume_floats(open, floats);
        return Ok(());
    }
    let mut samples = SampleBuffer::new();
    encoding.decode(chunk.data, &mut samples)?;
    let times_ms = if encoding.is_histogram() {
        &samples.histograms.timestamps_ms
    } else {
        &samples.floats.timestamps_ms
    };
    if range_of(times_ms) != range {
        return Err(ChunkError::InvalidTimes);
    }
    let bits = match &chunk.last {
        LastValue::Float(value) => value.to_bits(),
        LastValue::Histogram(value) => value_bits(LoggedValue::as_ref(value)),
    };
    let extra = OpenExtra::resume(encoding, chunk.data, (chunk.start_ms, bits))?;
    series.resume_extra(extra);
    Ok(())
}

/// The first and the last of times that ascend; `None` when they do not, or there are none.
fn range_of(times_ms: &[i64]) -> Option<(i64, i64)> {
    let range = times_ms.first().copied().zip(times_ms.last().copied());
    range.filter(|_| times_ms.is_sorted_by(|a, b| a < b))
}

pub(super) fn union(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

pub(super) fn unreadable(error: ChunkError) -> DecodeError {
    DecodeError::Invalid(match error {
        ChunkError::UnexpectedEnd => "a chunk ends before its last sample",
        ChunkError::InvalidWidth => "a chunk holds an impossible bit width",
        ChunkError::InvalidLayout => "a chunk of an unknown encoding or layout",
        ChunkError::InvalidTimes => "a chunk is not of the times it should be of",
    })
}
