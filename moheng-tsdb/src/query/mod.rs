//! Answers of the read seam.

mod block_cursor;
mod cursor;
mod late;
mod merge;
mod rows;
mod undeleted;

pub(crate) use block_cursor::BlockCursor;
pub(crate) use cursor::HeadCursor;
pub(crate) use merge::MergeCursor;
