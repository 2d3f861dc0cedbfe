//! The body of an answer as a `Read`, for code that is not async.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;

/// How many chunks wait for a slow reader.
const CHUNKS_IN_FLIGHT: usize = 4;

/// Reads a body that a task of the runtime receives. Must not be read on an async thread.
pub(crate) struct BodyReader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl BodyReader {
    /// Starts to receive `body`.
    pub(crate) fn new(mut body: Incoming) -> Self {
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        tokio::spawn(async move {
            while let Some(frame) = body.frame().await {
                let chunk = frame.map_err(io::Error::other).map(Frame::into_data);
                let chunk = match chunk {
                    Ok(Ok(bytes)) => Ok(bytes),
                    // Trailers.
                    Ok(Err(_)) => continue,
                    Err(error) => Err(error),
                };
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
        });
        Self {
            receiver,
            chunk: Bytes::new(),
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk
            .copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}
