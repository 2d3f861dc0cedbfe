//! [`Pattern`]: a fully anchored regular expression with RE2's syntax.

use std::sync::Arc;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::captures::Captures as EngineCaptures;
use regex_syntax::hir::{Hir, Look};
use thiserror::Error;

use super::plan::{Plan, prefix};
use super::syntax::{Captures, Problem, SyntaxError, parse};

/// A compiled pattern may take this much memory.
const MAX_COMPILED_BYTES: usize = 16 << 20;

/// A regular expression that must match a whole label value, with the syntax and meaning it has in Prometheus: RE2's,
/// as Go has it, where the dot matches newlines too.
///
/// Most patterns people write are lists of values or pieces of text around `.*`; those are compared, not run.
///
/// ```
/// use moheng_metrics::Pattern;
///
/// let pattern = Pattern::new("node-[12]|db-.*")?;
/// assert!(pattern.is_match("node-2"));
/// assert!(!pattern.is_match("node-25"));
/// assert_eq!(Pattern::new("node-[12]")?.literal_set(), Some(&["node-1".to_owned(), "node-2".to_owned()][..]));
/// assert_eq!(Pattern::new("(").unwrap_err().message, "missing closing ): `(`");
/// # Ok::<(), moheng_metrics::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    plan: Arc<Plan>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When the pattern is not valid or compiles to something too large.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let plan = match Plan::of_list(pattern) {
            Some(plan) => plan,
            None => Self::plan(pattern)?,
        };
        Ok(Self { plan: Arc::new(plan) })
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &str) -> bool {
        self.plan.is_match(value)
    }

    /// The finite set of values the pattern matches, ascending, when it is one (`a|b|c`, `node-[0-9]`).
    pub fn literal_set(&self) -> Option<&[String]> {
        match &*self.plan {
            Plan::Values(values) => Some(values),
            _ => None,
        }
    }

    /// What every matching value begins with, when that is not nothing. An index of sorted values need only look at
    /// the range that begins so.
    pub fn prefix(&self) -> Option<&str> {
        Some(self.plan.prefix()).filter(|prefix| !prefix.is_empty())
    }

    fn plan(pattern: &str) -> Result<Plan, PatternError> {
        let hir = parse(pattern, Captures::Ignored).map_err(|error| PatternError::new(pattern, &error))?;
        if let Some(plan) = Plan::without_regex(&hir) {
            return Ok(plan);
        }
        Ok(Plan::Regex {
            prefix: prefix(&hir),
            regex: compile(pattern, hir, WhichCaptures::None)?,
        })
    }
}

/// A [`Pattern`] that also tells what its groups matched: what relabelling and `label_replace` need.
///
/// ```
/// use moheng_metrics::CapturePattern;
///
/// let pattern = CapturePattern::new("(?P<host>[^:]+):([0-9]+)")?;
/// let captures = pattern.captures("db:5432").expect("it matches");
/// assert_eq!(captures.expand("${2}@$host"), "5432@db");
/// assert!(pattern.captures("db").is_none());
/// # Ok::<(), moheng_metrics::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CapturePattern {
    regex: Regex,
}

impl CapturePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When the pattern is not valid or compiles to something too large.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let hir = parse(pattern, Captures::Kept).map_err(|error| PatternError::new(pattern, &error))?;
        let regex = compile(pattern, hir, WhichCaptures::All)?;
        Ok(Self { regex })
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// What the groups matched, if the whole of `value` matches.
    pub fn captures<'v>(&self, value: &'v str) -> Option<PatternCaptures<'v>> {
        let mut captures = self.regex.create_captures();
        self.regex.captures(value, &mut captures);
        captures.is_match().then_some(PatternCaptures { value, captures })
    }
}

/// What the groups of a [`CapturePattern`] matched in a value.
#[derive(Clone, Debug)]
pub struct PatternCaptures<'v> {
    value: &'v str,
    captures: EngineCaptures,
}

impl<'v> PatternCaptures<'v> {
    /// The text of a group by its number; 0 is the whole value. `None` when there is no such group, or it took no part.
    pub fn get(&self, group: usize) -> Option<&'v str> {
        let span = self.captures.get_group(group)?;
        self.value.get(span.start..span.end)
    }

    /// The text of a group by its name. `None` when there is no such group, or it took no part.
    pub fn get_named(&self, name: &str) -> Option<&'v str> {
        let span = self.captures.get_group_by_name(name)?;
        self.value.get(span.start..span.end)
    }

    /// Replaces `$1`, `${1}`, `$name` and `${name}` in `template` by the groups of that number or name, and `$$` by a
    /// dollar sign. A group that does not exist or took no part is empty; a dollar sign before anything else is itself.
    pub fn expand(&self, template: &str) -> String {
        self.expand_within(template, usize::MAX).unwrap_or_default()
    }

    /// As [`PatternCaptures::expand`], unless that comes to more than `most_bytes`.
    pub fn expand_within(&self, template: &str, most_bytes: usize) -> Option<String> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((name, after)) = group_reference(rest) {
                let text = match group_number(name) {
                    Some(number) => self.get(number),
                    None => self.get_named(name),
                };
                out.push_str(text.unwrap_or_default());
                if out.len() > most_bytes {
                    return None;
                }
                rest = after;
            } else {
                out.push('$');
            }
        }
        out.push_str(rest);
        (out.len() <= most_bytes).then_some(out)
    }
}

/// Reads a name, or one in braces, and returns what follows it too. The longest name counts: `$1x` is the group `1x`.
fn group_reference(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{');
    let name_and_rest = inner.unwrap_or(text);
    let end = name_and_rest
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(name_and_rest.len());
    let (name, rest) = name_and_rest.split_at(end);
    let rest = match inner {
        Some(_) => rest.strip_prefix('}')?,
        None => rest,
    };
    (!name.is_empty()).then_some((name, rest))
}

fn group_number(name: &str) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    is_number.then(|| name.parse().unwrap_or(usize::MAX))
}

/// A pattern could not be compiled.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("invalid regular expression {pattern:?}: {message}")]
pub struct PatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it, in the words Go uses.
    pub message: String,
}

impl PatternError {
    fn new(pattern: &str, error: &SyntaxError) -> Self {
        Self {
            pattern: pattern.to_owned(),
            message: error.to_string(),
        }
    }
}

/// Compiles what has been parsed so that it matches whole values.
pub(super) fn compile(pattern: &str, hir: Hir, captures: WhichCaptures) -> Result<Regex, PatternError> {
    let anchored = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let config = Regex::config()
        .which_captures(captures)
        .nfa_size_limit(Some(MAX_COMPILED_BYTES));
    let result = Regex::builder().configure(config).build_from_hir(&anchored);
    // The parser has refused all that is wrong but this.
    result.map_err(|_| PatternError::new(pattern, &SyntaxError::new(Problem::TooLarge, pattern)))
}

#[cfg(test)]
mod tests;
