//! A body that a thread writes while it is sent.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;

/// How much is collected before it is sent.
const CHUNK_BYTES: usize = 256 << 10;
/// How many chunks wait for a slow client before the writer waits too.
const CHUNKS_IN_FLIGHT: usize = 4;

/// The two ends of a pipe. Both belong to the same body; writing must not happen on an async thread.
pub(super) fn pipe() -> (PipeWriter, PipeBody) {
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let writer = PipeWriter {
        sender,
        chunk: Vec::with_capacity(CHUNK_BYTES),
        is_finished: false,
    };
    (writer, PipeBody { receiver })
}

/// The end that is written. Unless it is finished, the reader sees a broken connection and not a short body.
pub(super) struct PipeWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
    is_finished: bool,
}

impl PipeWriter {
    /// Sends what is left and ends the body.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.is_finished = true;
        Ok(())
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        self.sender
            .blocking_send(Ok(chunk.into()))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone"))
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            let error = io::Error::other("the body was not written to its end");
            // Without a reader there is nobody to tell.
            let _ = self.sender.blocking_send(Err(error));
        }
    }
}

/// The end that is sent.
pub(super) struct PipeBody {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
}

impl hyper::body::Body for PipeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.receiver
            .poll_recv(context)
            .map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_finished_body_is_whole() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for is_finished in [true, false] {
            let (mut writer, body) = pipe();
            let thread = std::thread::spawn(move || {
                writer.write_all(&vec![7; 3 * CHUNK_BYTES + 5]).unwrap();
                if is_finished {
                    writer.finish().unwrap();
                }
            });
            let read = runtime.block_on(axum::body::to_bytes(axum::body::Body::new(body), usize::MAX));
            thread.join().unwrap();
            assert_eq!(
                read.ok().map(|bytes| bytes.len()),
                is_finished.then_some(3 * CHUNK_BYTES + 5)
            );
        }
    }

    #[test]
    fn a_writer_notices_that_nobody_reads() {
        let (mut writer, body) = pipe();
        drop(body);
        assert!(writer.write_all(&vec![7; CHUNK_BYTES]).is_err());
    }
}
