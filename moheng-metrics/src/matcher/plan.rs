//! [`Plan`]: how a pattern is matched, without running a regular expression where that is not needed.

use memchr::memmem::Finder;
use regex_automata::meta::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// At most this many values come out of combining parts (`[a-z][a-z]`); plain lists may be longer.
const MAX_COMBINED: usize = 256;
/// Repetitions of more than this are not written out.
const MAX_REPEATED: u32 = 16;
/// At most this many bytes of values, lists that are written out aside.
const MAX_VALUE_BYTES: usize = 1 << 20;
/// More globs than this are slower to try one after the other than an automaton is.
const MAX_GLOBS: usize = 24;

#[derive(Debug)]
pub(super) enum Plan {
    /// Exactly these values, ascending.
    Values(Vec<String>),
    /// Any of these.
    Globs(Vec<Glob>),
    /// Whatever else.
    Regex { prefix: String, regex: Regex },
}

impl Plan {
    /// The plan for a list of values, `a|b|c` or `(a|b|c)`, which need not even be parsed. Dashboards make long ones.
    pub(super) fn of_list(pattern: &str) -> Option<Self> {
        let inner = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let list = inner.unwrap_or(pattern);
        if list.contains(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$']) {
            return None;
        }
        let mut values: Vec<String> = list.split('|').map(str::to_owned).collect();
        values.sort_unstable();
        values.dedup();
        Some(Self::Values(values))
    }

    /// What every matching value begins with.
    pub(super) fn prefix(&self) -> &str {
        match self {
            // Of sorted values the first and the last have least in common.
            Self::Values(values) => match (values.first(), values.last()) {
                (Some(first), Some(last)) => common_prefix(first, last),
                _ => "",
            },
            Self::Globs(globs) => {
                let prefixes = globs.iter().map(|glob| glob.prefix.as_str());
                prefixes.reduce(common_prefix).unwrap_or_default()
            }
            Self::Regex { prefix, .. } => prefix,
        }
    }

    /// The plan for a pattern that needs no regular expression.
    pub(super) fn without_regex(hir: &Hir) -> Option<Self> {
        if let Some(mut values) = branches(hir)
            .iter()
            .map(|branch| values_of_sequence(sequence(branch)))
            .try_fold(Vec::new(), |all, values| values.map(|values| join(all, values)))
        {
            values.sort_unstable();
            values.dedup();
            return Some(Self::Values(values));
        }
        let mut globs = Vec::new();
        for branch in branches(hir) {
            globs.extend(Glob::of_sequence(sequence(branch))?);
            if globs.len() > MAX_GLOBS {
                return None;
            }
        }
        Some(Self::Globs(globs))
    }

    pub(super) fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Values(values) => values
                .binary_search_by(|candidate| candidate.as_str().cmp(value))
                .is_ok(),
            Self::Globs(globs) => globs.iter().any(|glob| glob.is_match(value)),
            Self::Regex { prefix, regex } => value.starts_with(prefix.as_str()) && regex.is_match(value),
        }
    }
}

/// Literal text with gaps between: `node_.*_total`, `.+:9100`, `.*`.
#[derive(Debug)]
pub(super) struct Glob {
    /// What the value begins with, up to the first gap.
    prefix: String,
    /// What must follow, each after a gap of at least so many characters.
    middle: Vec<(u32, Finder<'static>)>,
    /// What the value ends with, after a gap of at least so many characters; `None` without any gap.
    end: Option<(u32, String)>,
}

/// A piece of a glob.
#[derive(Clone, Debug)]
enum Token {
    Text(String),
    /// At least so many characters.
    Gap(u32),
}

impl Glob {
    fn is_match(&self, value: &str) -> bool {
        let Some(rest) = value.strip_prefix(self.prefix.as_str()) else {
            return false;
        };
        let Some((end_gap, suffix)) = &self.end else {
            return rest.is_empty();
        };
        let Some(mut rest) = rest.strip_suffix(suffix.as_str()) else {
            return false;
        };
        // The first place where a piece fits leaves most for the others, so no other needs to be tried.
        for (gap, finder) in &self.middle {
            let Some(after_gap) = skip_characters(rest, *gap) else {
                return false;
            };
            let Some(start) = finder.find(after_gap.as_bytes()) else {
                return false;
            };
            rest = after_gap.get(start + finder.needle().len()..).unwrap_or_default();
        }
        skip_characters(rest, *end_gap).is_some()
    }

    /// The globs that together match what the sequence matches.
    fn of_sequence(items: &[Hir]) -> Option<Vec<Self>> {
        let mut globs: Vec<Vec<Token>> = vec![Vec::new()];
        for item in items {
            if let Some(least) = gap(item) {
                for glob in &mut globs {
                    glob.push(Token::Gap(least));
                }
                continue;
            }
            let values = values(item)?;
            if globs.len() * values.len() > MAX_GLOBS {
                return None;
            }
            if let [only] = values.as_slice() {
                let text = Token::Text(only.clone());
                for glob in &mut globs {
                    glob.push(text.clone());
                }
                continue;
            }
            globs = globs
                .iter()
                .flat_map(|glob| {
                    values.iter().map(|value| {
                        let mut glob = glob.clone();
                        glob.push(Token::Text(value.clone()));
                        glob
                    })
                })
                .collect();
        }
        Some(globs.into_iter().map(Self::of_tokens).collect())
    }

    fn of_tokens(tokens: Vec<Token>) -> Self {
        let mut glob = Self {
            prefix: String::new(),
            middle: Vec::new(),
            end: None,
        };
        for token in tokens {
            match (token, &mut glob.end) {
                (Token::Text(text), None) => glob.prefix.push_str(&text),
                (Token::Text(text), Some((_, suffix))) => suffix.push_str(&text),
                (Token::Gap(least), Some((before, suffix))) if suffix.is_empty() => {
                    *before = before.saturating_add(least);
                }
                (Token::Gap(least), end) => {
                    if let Some((before, text)) = end.replace((least, String::new())) {
                        glob.middle.push((before, Finder::new(&text).into_owned()));
                    }
                }
            }
        }
        glob
    }
}

/// What every match of `hir` begins with.
pub(super) fn prefix(hir: &Hir) -> String {
    let mut prefixes = branches(hir).iter().map(|branch| {
        let mut prefix = String::new();
        let _ = push_prefix(branch, &mut prefix);
        prefix
    });
    let first = prefixes.next().unwrap_or_default();
    prefixes.fold(first, |common, other| common_prefix(&common, &other).to_owned())
}

/// Appends what every match of `hir` begins with, and returns whether that is all of it.
fn push_prefix(hir: &Hir, out: &mut String) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Look(Look::Start) => out.is_empty(),
        HirKind::Literal(literal) => {
            out.push_str(std::str::from_utf8(&literal.0).unwrap_or_default());
            true
        }
        HirKind::Capture(capture) => push_prefix(&capture.sub, out),
        HirKind::Concat(items) => items.iter().all(|item| push_prefix(item, out)),
        HirKind::Alternation(_) => {
            out.push_str(&prefix(hir));
            false
        }
        HirKind::Repetition(Repetition { min: 1.., sub, .. }) => {
            push_prefix(sub, out);
            false
        }
        _ => false,
    }
}

fn common_prefix<'a>(left: &'a str, right: &str) -> &'a str {
    let pairs = left.char_indices().zip(right.chars());
    let end = pairs
        .take_while(|((_, left), right)| left == right)
        .last()
        .map_or(0, |((start, character), _)| start + character.len_utf8());
    left.get(..end).unwrap_or_default()
}

fn branches(hir: &Hir) -> &[Hir] {
    match hir.kind() {
        HirKind::Alternation(branches) => branches,
        HirKind::Capture(capture) => branches(&capture.sub),
        _ => std::slice::from_ref(hir),
    }
}

/// The parts of a branch, without the anchors at its ends that say nothing new of a whole value.
fn sequence(hir: &Hir) -> &[Hir] {
    let mut items = match hir.kind() {
        HirKind::Concat(items) => items,
        _ => std::slice::from_ref(hir),
    };
    while let [first, rest @ ..] = items
        && matches!(first.kind(), HirKind::Look(Look::Start))
    {
        items = rest;
    }
    while let [rest @ .., last] = items
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        items = rest;
    }
    items
}

/// The least number of characters of `.*`, `.+` or `.{n,}`.
fn gap(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Repetition(Repetition {
            min, max: None, sub, ..
        }) => is_any_character(sub).then_some(*min),
        HirKind::Capture(capture) => gap(&capture.sub),
        _ => None,
    }
}

fn is_any_character(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            matches!(class.ranges(), [all] if all.start() == '\0' && all.end() == char::MAX)
        }
        HirKind::Capture(capture) => is_any_character(&capture.sub),
        _ => false,
    }
}

/// All values that `hir` matches, if they are few. They may repeat.
fn values(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Class(class) => values_of_class(class),
        HirKind::Look(_) => None,
        HirKind::Capture(capture) => values(&capture.sub),
        HirKind::Concat(items) => values_of_sequence(items),
        HirKind::Alternation(branches) => branches
            .iter()
            .map(values)
            .try_fold(Vec::new(), |all, values| values.map(|values| join(all, values))),
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            let max = (*max).filter(|max| *max <= MAX_REPEATED)?;
            let sub = values(sub)?;
            let mut power = vec![String::new()];
            let mut all = Vec::new();
            for count in 0..=max {
                if count >= *min {
                    all.extend_from_slice(&power);
                }
                if all.len() > MAX_COMBINED {
                    return None;
                }
                if count < max {
                    power = combine(power, &sub)?;
                }
            }
            Some(all)
        }
    }
}

fn values_of_sequence(items: &[Hir]) -> Option<Vec<String>> {
    items
        .iter()
        .try_fold(vec![String::new()], |all, item| combine(all, &values(item)?))
}

fn values_of_class(class: &Class) -> Option<Vec<String>> {
    let class = match class {
        Class::Unicode(class) => class.clone(),
        Class::Bytes(class) => class.to_unicode_class()?,
    };
    let count: usize = class
        .ranges()
        .iter()
        .map(regex_syntax::hir::ClassUnicodeRange::len)
        .sum();
    if count > MAX_COMBINED {
        return None;
    }
    let characters = class
        .ranges()
        .iter()
        .flat_map(|range| range.start()..=range.end());
    Some(characters.map(String::from).collect())
}

fn join(mut all: Vec<String>, mut more: Vec<String>) -> Vec<String> {
    all.append(&mut more);
    all
}

/// Every value of `left` followed by every one of `right`, if those are few.
fn combine(mut left: Vec<String>, right: &[String]) -> Option<Vec<String>> {
    let count = left.len().checked_mul(right.len())?;
    let bytes_of = |values: &[String]| values.iter().map(String::len).sum::<usize>();
    let is_list = left.len() == 1 || right.len() == 1;
    if count > MAX_COMBINED && !is_list {
        return None;
    }
    if let [only] = left.as_slice()
        && only.is_empty()
    {
        return Some(right.to_vec());
    }
    if bytes_of(&left) * right.len() + bytes_of(right) * left.len() > MAX_VALUE_BYTES {
        return None;
    }
    // In place, since a pattern can have very many such parts.
    if let [only] = right {
        for value in &mut left {
            value.push_str(only);
        }
        return Some(left);
    }
    let pairs = left
        .iter()
        .flat_map(|left| right.iter().map(move |right| (left, right)));
    Some(pairs.map(|(left, right)| format!("{left}{right}")).collect())
}

/// Skips so many characters; `None` when there are fewer.
fn skip_characters(text: &str, count: u32) -> Option<&str> {
    let mut characters = text.chars();
    for _ in 0..count {
        characters.next()?;
    }
    Some(characters.as_str())
}
