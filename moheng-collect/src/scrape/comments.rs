//! [`Comments`]: recognises `HELP` and `TYPE` lines by the bytes they were exposed with last time.

use moheng_metrics::{MetricKind, TextParser};

/// The lines between samples, which hardly ever change. While they do not, comparing replaces reading them.
#[derive(Debug, Default)]
pub(super) struct Comments {
    blocks: Vec<Block>,
    texts: Vec<u8>,
    /// The block expected next.
    cursor: usize,
    /// Whether this pass reads and learns every block.
    is_learning: bool,
    /// Whether this pass met lines that it did not expect.
    is_changed: bool,
}

/// Lines without a sample among them.
#[derive(Clone, Copy, Debug)]
struct Block {
    end: usize,
    /// The type that holds for the samples behind them.
    kind: MetricKind,
}

impl Comments {
    pub(super) fn begin(&mut self) {
        self.cursor = 0;
        self.is_learning = self.is_learning || self.is_changed || self.blocks.is_empty();
        self.is_changed = false;
        if self.is_learning {
            self.blocks.clear();
            self.texts.clear();
        }
    }

    /// Moves past the expected lines if they come next. Returns the type that holds for the samples behind them.
    #[inline]
    pub(super) fn skip(&mut self, parser: &mut TextParser<'_>) -> Option<MetricKind> {
        if self.is_learning || !matches!(parser.rest().first(), Some(b'#' | b'\n')) {
            return None;
        }
        let block = self.blocks.get(self.cursor)?;
        let start = self
            .cursor
            .checked_sub(1)
            .and_then(|previous| self.blocks.get(previous))
            .map_or(0, |previous| previous.end);
        let is_next = parser.skip_lines(self.texts.get(start..block.end)?, block.kind);
        self.cursor += usize::from(is_next);
        is_next.then_some(block.kind)
    }

    /// Takes note of lines that were read; empty when it is not known which.
    pub(super) fn add(&mut self, lines: &[u8], kind: MetricKind) {
        self.is_changed = true;
        if self.is_learning && lines.ends_with(b"\n") {
            self.texts.extend_from_slice(lines);
            let end = self.texts.len();
            self.blocks.push(Block { end, kind });
        }
    }

    /// Ends a pass that read the whole exposition. Returns whether it read every block.
    pub(super) fn commit(&mut self) -> bool {
        let has_read_all = self.is_learning;
        self.is_changed = !has_read_all && (self.is_changed || self.cursor < self.blocks.len());
        self.is_learning = false;
        has_read_all
    }

    /// Ends a pass that failed: the next one reads everything.
    pub(super) fn roll_back(&mut self) {
        self.is_learning = true;
    }
}
