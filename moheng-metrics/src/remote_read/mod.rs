//! Remote read: how one server asks another for samples.
//!
//! * [`ReadRequest`] is the question, the same for both kinds of answers.
//! * [`ReadResponseEncoder`] and [`ReadResponseDecoder`] are for answers of samples, which travel as one Snappy block.
//! * [`ChunkedEncoder`], [`read_frame`] and [`ChunkedFrame`] are for answers of chunks, which stream as frames: a
//!   length as a varint, the CRC32C of the message in big-endian order, and the message. Chunks are opaque here.
//!
//! ```
//! use moheng_metrics::remote_read::{ReadMatcher, ReadQuery, ReadRequest, ReadResponseType};
//! use moheng_metrics::{MatchOp, Matcher};
//!
//! let mut query = ReadQuery::new(0, 60_000);
//! query.matchers.push(ReadMatcher::from(&Matcher::equal("__name__", "up")));
//! let mut request = ReadRequest::default();
//! request.queries.push(query);
//! request.accepted_types.push(ReadResponseType::StreamedChunks);
//!
//! let read = ReadRequest::decode(&request.encode())?;
//! assert_eq!(read, request);
//! assert_eq!(read.queries[0].to_matchers()?, [Matcher::equal("__name__", "up")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunked;
mod frame;
mod request;
mod response;

pub use chunked::{ChunkedEncoder, ChunkedFrame, ChunkedSeries, MAX_FRAME_ITEMS, ReadChunk};
pub use frame::{FrameError, MAX_FRAME_BYTES, read_frame};
pub use request::{
    MAX_QUERIES, MAX_QUERY_MATCHERS, ReadHints, ReadMatcher, ReadQuery, ReadRequest, ReadResponseType,
};
pub use response::{ReadResponseDecoder, ReadResponseEncoder};
