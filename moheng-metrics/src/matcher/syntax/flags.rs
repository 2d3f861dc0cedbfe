//! [`Flags`]: what `(?i)` and its like change.

/// The flags in force at some place of a pattern. The default is Prometheus's: only the dot is told to match all.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are independent of each other"
)]
pub(super) struct Flags {
    /// `i`: letters match in either case.
    pub(super) fold_case: bool,
    /// `m`: `^` and `$` match at line feeds too.
    pub(super) multi_line: bool,
    /// `s`: the dot matches a line feed.
    pub(super) dot_matches_newline: bool,
    /// `U`: repetition is lazy, and `*?` greedy.
    pub(super) swap_greed: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            fold_case: false,
            multi_line: false,
            dot_matches_newline: true,
            swap_greed: false,
        }
    }
}

impl Flags {
    /// Changes the flag with this letter; `None` when there is none.
    pub(super) fn set(&mut self, letter: char, is_on: bool) -> Option<()> {
        let flag = match letter {
            'i' => &mut self.fold_case,
            'm' => &mut self.multi_line,
            's' => &mut self.dot_matches_newline,
            'U' => &mut self.swap_greed,
            _ => return None,
        };
        *flag = is_on;
        Some(())
    }
}
