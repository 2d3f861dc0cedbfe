//! A body that counts the bytes that went through it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::server::Server;

/// Counts the bytes of a response once it was sent or given up.
pub(super) struct CountedBody {
    body: Body,
    handler: String,
    size_bytes: u64,
    server: Arc<Server>,
}

impl CountedBody {
    pub(super) fn new(body: Body, handler: String, server: Arc<Server>) -> Self {
        Self {
            body,
            handler,
            size_bytes: 0,
            server,
        }
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.server.statistics.count_body(&self.handler, self.size_bytes);
    }
}

impl hyper::body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            self.size_bytes += bytes.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
