//! [`Span`]: where in the query text something was written.

/// A range of bytes of the query text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end`. Queries are limited to far less than 4 GiB.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The text of the span in its query, empty when the span is not of that query.
    pub fn text(self, query: &str) -> &str {
        query
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Line and column of the first byte in its query, both counted from 1; columns are bytes.
    pub fn line_column(self, query: &str) -> (usize, usize) {
        let before = &query.as_bytes()[..query.len().min(self.start as usize)];
        let line = before.split(|byte| *byte == b'\n').count();
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |index| index + 1);
        (line, before.len() - line_start + 1)
    }
}
