//! [`Matcher`]: a condition on one label.

mod pattern;
mod plan;
mod syntax;

use std::fmt;

pub use pattern::{CapturePattern, Pattern, PatternCaptures, PatternError};

use crate::labels::Quoted;
use crate::{Labels, METRIC_NAME};

/// How a [`Matcher`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A condition on the value of one label. A label that a series does not have counts as the empty value.
///
/// ```
/// use moheng_metrics::{Labels, MatchOp, Matcher};
///
/// let labels = Labels::from_pairs([("mode", "iowait")]);
/// assert!(Matcher::new(MatchOp::Regex, "mode", "io.*|idle")?.matches(&labels));
/// assert!(Matcher::not_equal("cpu", "0").matches(&labels));
/// assert!(Matcher::new(MatchOp::Regex, "mode", "(").is_err());
/// # Ok::<(), moheng_metrics::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Present for the two regex operators.
    pattern: Option<Pattern>,
}

impl Matcher {
    /// A matcher of any kind.
    ///
    /// # Errors
    ///
    /// When `op` is a regex operator and `value` is not a valid RE2 pattern, or compiles to something too large.
    pub fn new(op: MatchOp, name: impl Into<String>, value: impl Into<String>) -> Result<Self, PatternError> {
        let value = value.into();
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Pattern::new(&value)?),
        };
        Ok(Self {
            name: name.into(),
            op,
            value,
            pattern,
        })
    }

    /// `name="value"`
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            pattern: None,
        }
    }

    /// `name!="value"`
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::NotEqual,
            value: value.into(),
            pattern: None,
        }
    }

    /// The label the condition is on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with: a value, or the source of a pattern.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The compiled pattern of the two regex operators.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// Whether the condition holds for the series with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or_default())
    }

    /// Whether the condition holds for this value of the label.
    pub fn matches_value(&self, value: &str) -> bool {
        let is_match = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => self.value == value,
        };
        is_match == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Whether series without the label satisfy the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches_value("")
    }
}

/// Two matchers are equal when they are written the same.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs_quotes = self.name != METRIC_NAME && !crate::is_valid_label_name(&self.name);
        if needs_quotes {
            write!(f, "{}", Quoted(&self.name))?;
        } else {
            f.write_str(&self.name)?;
        }
        write!(f, "{}{}", self.op.as_str(), Quoted(&self.value))
    }
}
