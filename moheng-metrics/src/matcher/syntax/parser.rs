//! The parser: groups, alternation, repetition, and what stands outside of brackets.

use std::collections::BTreeSet;

use regex_syntax::hir::{Capture, Class, ClassUnicode, Dot, Hir, Look, Repetition};

use super::class::{bracket_class, escaped_class, fold, range};
use super::error::{Problem, SyntaxError};
use super::escape::character_escape;
use super::flags::Flags;

/// A repeat count may be at most this, and so may the product of nested ones.
const MAX_REPEAT: u32 = 1000;
/// How deep groups, alternations and repetitions may nest, which RE2 allows ten times as much. The engine compiles them
/// recursively, with up to 15 kB of stack for each in a debug build.
const MAX_NESTING: u32 = 100;
/// The longest pattern in bytes. What is parsed takes some 400 times as much memory for a moment.
const MAX_PATTERN_BYTES: usize = 256 << 10;
/// How many ranges the classes of a pattern may have together. `\pL` alone has some 650.
const MAX_CLASS_RANGES: usize = 200_000;

/// Whether groups capture what they match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::matcher) enum Captures {
    /// Only whether a text matches is asked.
    Ignored,
    /// Groups are numbered and can be named.
    Kept,
}

/// Parses a pattern. It does not recurse, and takes time and memory in proportion to the pattern.
pub(in crate::matcher) fn parse(pattern: &str, captures: Captures) -> Result<Hir, SyntaxError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(SyntaxError::new(Problem::TooLarge, &shorten(pattern)));
    }
    Parser {
        pattern,
        at: 0,
        flags: Flags::default(),
        open: Vec::new(),
        current: Branches::default(),
        captures,
        capture_count: 0,
        group_names: BTreeSet::new(),
        class_ranges: 0,
    }
    .parse()
}

struct Parser<'p> {
    pattern: &'p str,
    /// The byte that comes next.
    at: usize,
    flags: Flags,
    /// The groups around the place, outermost first.
    open: Vec<OpenGroup>,
    /// The innermost group so far.
    current: Branches,
    captures: Captures,
    capture_count: u32,
    group_names: BTreeSet<Box<str>>,
    class_ranges: usize,
}

/// A group whose parenthesis is not closed yet.
struct OpenGroup {
    outer: Branches,
    outer_flags: Flags,
    /// Number and name, if it captures.
    capture: Option<(u32, Option<Box<str>>)>,
}

/// The alternatives of a group; the last one is still being read.
#[derive(Default)]
struct Branches {
    finished: Vec<Item>,
    items: Vec<Item>,
    /// Plain characters that follow the items.
    literal: String,
}

/// A part of the expression.
struct Item {
    hir: Hir,
    nesting: u32,
    /// The largest product of nested repeat counts.
    repeats: u32,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Hir, SyntaxError> {
        // Where the repetition that was read last begins, as long as nothing followed it.
        let mut last_repetition = None;
        while let Some(next) = self.rest().chars().next() {
            let mut repetition = None;
            match next {
                '(' => self.open_group()?,
                ')' => self.close_group()?,
                '|' => {
                    self.at += 1;
                    self.current.end_branch();
                }
                '*' | '+' | '?' | '{' => {
                    let start = self.at;
                    if self.repetition(last_repetition)? {
                        repetition = Some(start);
                    }
                }
                '[' => {
                    let left = MAX_CLASS_RANGES - self.class_ranges;
                    let (class, length) = bracket_class(self.rest(), self.flags.fold_case, left)?;
                    self.push_class(class, length)?;
                }
                '\\' => self.backslash()?,
                '^' | '$' | '.' => {
                    self.at += 1;
                    self.push(self.symbol(next));
                }
                _ => {
                    self.at += next.len_utf8();
                    self.push_character(next.into())?;
                }
            }
            last_repetition = repetition;
        }
        if !self.open.is_empty() {
            return Err(self.error(Problem::MissingParenthesis));
        }
        let expression = std::mem::take(&mut self.current).finish();
        self.check(&expression)?;
        Ok(expression.hir)
    }

    fn rest(&self) -> &str {
        &self.pattern[self.at..]
    }

    /// An error about the pattern as a whole.
    fn error(&self, problem: Problem) -> SyntaxError {
        SyntaxError::new(problem, &shorten(self.pattern))
    }

    /// An error about what was read since `start`.
    fn error_since(&self, start: usize, problem: Problem) -> SyntaxError {
        SyntaxError::new(problem, &self.pattern[start..self.at])
    }

    fn check(&self, item: &Item) -> Result<(), SyntaxError> {
        if item.nesting > MAX_NESTING {
            return Err(self.error(Problem::Nesting));
        }
        Ok(())
    }

    fn push(&mut self, hir: Hir) {
        self.current.push(Item {
            hir,
            nesting: 1,
            repeats: 1,
        });
    }

    fn push_class(&mut self, class: ClassUnicode, length: usize) -> Result<(), SyntaxError> {
        self.at += length;
        self.class_ranges += class.ranges().len();
        if self.class_ranges > MAX_CLASS_RANGES {
            return Err(self.error(Problem::TooLarge));
        }
        self.push(Hir::class(Class::Unicode(class)));
        Ok(())
    }

    /// Adds a character that stands for itself.
    fn push_character(&mut self, code_point: u32) -> Result<(), SyntaxError> {
        match char::from_u32(code_point) {
            Some(character) if !self.flags.fold_case => self.current.literal.push(character),
            _ => {
                let mut class = ClassUnicode::new(range(code_point, code_point));
                fold(&mut class);
                self.push_class(class, 0)?;
            }
        }
        Ok(())
    }

    fn symbol(&self, symbol: char) -> Hir {
        match (symbol, self.flags.multi_line, self.flags.dot_matches_newline) {
            ('^', false, _) => Hir::look(Look::Start),
            ('^', true, _) => Hir::look(Look::StartLF),
            ('$', false, _) => Hir::look(Look::End),
            ('$', true, _) => Hir::look(Look::EndLF),
            (_, _, true) => Hir::dot(Dot::AnyChar),
            (_, _, false) => Hir::dot(Dot::AnyCharExceptLF),
        }
    }

    fn backslash(&mut self) -> Result<(), SyntaxError> {
        let look = match self.rest().as_bytes().get(1) {
            Some(b'A') => Some(Look::Start),
            Some(b'z') => Some(Look::End),
            Some(b'b') => Some(Look::WordAscii),
            Some(b'B') => Some(Look::WordAsciiNegate),
            _ => None,
        };
        if let Some(look) = look {
            self.at += 2;
            self.push(Hir::look(look));
            return Ok(());
        }
        if self.rest().starts_with("\\Q") {
            return self.quotation();
        }
        if let Some((class, length)) = escaped_class(self.rest(), self.flags.fold_case)? {
            return self.push_class(class, length);
        }
        let (code_point, length) = character_escape(self.rest())?;
        self.at += length;
        self.push_character(code_point)
    }

    /// Reads `\Q...\E`, where all stands for itself; the end may be missing.
    fn quotation(&mut self) -> Result<(), SyntaxError> {
        let pattern = self.pattern;
        let quoted = &pattern[self.at + 2..];
        let (quoted, length) = match quoted.find("\\E") {
            Some(end) => (&quoted[..end], end + 4),
            None => (quoted, quoted.len() + 2),
        };
        self.at += length;
        quoted
            .chars()
            .try_for_each(|character| self.push_character(character.into()))
    }

    fn open_group(&mut self) -> Result<(), SyntaxError> {
        let outer_flags = self.flags;
        let capture = if self.rest().starts_with("(?P<") || self.rest().starts_with("(?<") {
            let name = self.group_name()?;
            Some(Some(name))
        } else if self.rest().starts_with("(?") {
            if !self.group_flags()? {
                return Ok(());
            }
            None
        } else {
            self.at += 1;
            Some(None)
        };
        if self.open.len() >= MAX_NESTING as usize {
            return Err(self.error(Problem::Nesting));
        }
        let capture = capture.map(|name| {
            self.capture_count += 1;
            (self.capture_count, name)
        });
        self.open.push(OpenGroup {
            outer: std::mem::take(&mut self.current),
            outer_flags,
            capture: capture.filter(|_| self.captures == Captures::Kept),
        });
        Ok(())
    }

    /// Reads `(?P<name>` or `(?<name>`.
    fn group_name(&mut self) -> Result<Box<str>, SyntaxError> {
        let rest = self.rest();
        let Some(end) = rest.find('>') else {
            return Err(SyntaxError::new(Problem::GroupName, rest));
        };
        let name_start = rest.find('<').map_or(end, |start| start + 1);
        let name = &rest[name_start..end];
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(SyntaxError::new(Problem::GroupName, &rest[..=end]));
        }
        let name: Box<str> = name.into();
        if !self.group_names.insert(name.clone()) {
            return Err(SyntaxError::new(Problem::GroupName, &self.rest()[..=end]));
        }
        self.at += end + 1;
        Ok(name)
    }

    /// Reads `(?flags:`, which opens a group, or `(?flags)`, which does not. Returns whether it does.
    fn group_flags(&mut self) -> Result<bool, SyntaxError> {
        let start = self.at;
        let mut flags = self.flags;
        let mut is_on = true;
        // Whether a letter followed the minus.
        let mut has_letter = false;
        self.at += 2;
        while let Some(letter) = self.rest().chars().next() {
            self.at += letter.len_utf8();
            match letter {
                ':' | ')' if is_on || has_letter => {
                    self.flags = flags;
                    return Ok(letter == ':');
                }
                '-' if is_on => {
                    is_on = false;
                    has_letter = false;
                }
                _ if flags.set(letter, is_on).is_some() => has_letter = true,
                _ => break,
            }
        }
        Err(self.error_since(start, Problem::GroupSyntax))
    }

    fn close_group(&mut self) -> Result<(), SyntaxError> {
        let Some(group) = self.open.pop() else {
            return Err(self.error(Problem::UnexpectedParenthesis));
        };
        self.at += 1;
        self.flags = group.outer_flags;
        let mut item = std::mem::replace(&mut self.current, group.outer).finish();
        if let Some((index, name)) = group.capture {
            item.hir = Hir::capture(Capture {
                index,
                name,
                sub: Box::new(item.hir),
            });
            item.nesting += 1;
        }
        self.check(&item)?;
        self.current.push(item);
        Ok(())
    }

    /// Reads a repetition operator and applies it; `false` when a brace is only itself.
    fn repetition(&mut self, last_repetition: Option<usize>) -> Result<bool, SyntaxError> {
        let start = self.at;
        let counts = match self.rest().as_bytes() {
            [b'*', ..] => Some((0, None, 1)),
            [b'+', ..] => Some((1, None, 1)),
            [b'?', ..] => Some((0, Some(1), 1)),
            _ => repeat_counts(self.rest()),
        };
        let Some((min, max, length)) = counts else {
            self.at += 1;
            self.push_character('{'.into())?;
            return Ok(false);
        };
        let is_counted = self.rest().starts_with('{');
        self.at += length;
        let is_wrong = min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min);
        if is_wrong {
            return Err(self.error_since(start, Problem::RepeatCount));
        }
        let is_lazy = self.rest().starts_with('?');
        self.at += usize::from(is_lazy);
        if let Some(last) = last_repetition {
            return Err(self.error_since(last, Problem::NestedRepetition));
        }
        let Some(mut item) = self.current.pop() else {
            return Err(self.error_since(start, Problem::MissingRepeated));
        };
        if is_counted {
            item.repeats = match max {
                Some(0) => 1,
                max => item.repeats * max.unwrap_or(min).max(1),
            };
            if item.repeats > MAX_REPEAT {
                return Err(self.error_since(start, Problem::RepeatCount));
            }
        }
        item.hir = Hir::repetition(Repetition {
            min,
            max,
            greedy: is_lazy == self.flags.swap_greed,
            sub: Box::new(item.hir),
        });
        item.nesting += 1;
        self.check(&item)?;
        self.current.push(item);
        Ok(true)
    }
}

impl Branches {
    fn push(&mut self, item: Item) {
        self.flush();
        self.items.push(item);
    }

    /// Takes back what a repetition applies to.
    fn pop(&mut self) -> Option<Item> {
        match self.literal.pop() {
            Some(character) => Some(Item::of_literal(character.encode_utf8(&mut [0; 4]))),
            None => self.items.pop(),
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.items.push(Item::of_literal(&self.literal));
            self.literal.clear();
        }
    }

    fn end_branch(&mut self) {
        self.flush();
        let items = std::mem::take(&mut self.items);
        self.finished.push(Item::combine(items, Hir::concat));
    }

    fn finish(mut self) -> Item {
        self.end_branch();
        Item::combine(self.finished, Hir::alternation)
    }
}

impl Item {
    fn of_literal(text: &str) -> Self {
        Self {
            hir: Hir::literal(text.as_bytes()),
            nesting: 1,
            repeats: 1,
        }
    }

    fn combine(mut items: Vec<Self>, with: impl FnOnce(Vec<Hir>) -> Hir) -> Self {
        if items.len() == 1
            && let Some(item) = items.pop()
        {
            return item;
        }
        let nesting = items.iter().map(|item| item.nesting).max().unwrap_or(0) + 1;
        let repeats = items.iter().map(|item| item.repeats).max().unwrap_or(1);
        Self {
            hir: with(items.into_iter().map(|item| item.hir).collect()),
            nesting,
            repeats,
        }
    }
}

/// Reads `{2}`, `{2,}` or `{2,5}`: least and most, and how many bytes it took. Counts too large to hold are as large as
/// can be held.
fn repeat_counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let inner = text.strip_prefix('{')?;
    let (min, rest) = repeat_count(inner)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => repeat_count(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    let rest = rest.strip_prefix('}')?;
    Some((min, max, text.len() - rest.len()))
}

/// Reads a number without leading zeros.
fn repeat_count(text: &str) -> Option<(u32, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}

/// What an error message shows of a pattern.
fn shorten(pattern: &str) -> String {
    match pattern.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &pattern[..end]),
        None => pattern.to_owned(),
    }
}
