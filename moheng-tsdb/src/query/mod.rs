//! Answers of the read seam.

mod cursor;

pub(crate) use cursor::HeadCursor;
