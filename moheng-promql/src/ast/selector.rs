//! Selectors and what shifts them in time.

use moheng_metrics::{METRIC_NAME, Matcher};

use super::Expr;

/// An instant vector selector: `name{label="value"} offset 5m @ 1700000000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The metric name, when given before or as a quoted name inside the braces.
    pub name: Option<String>,
    /// The matchers in the braces, without the one on the metric name that `name` stands for.
    pub matchers: Vec<Matcher>,
    /// Offset and `@`.
    pub modifiers: TimeModifiers,
    /// `anchored` or `smoothed`.
    pub edges: Option<EdgeModifier>,
}

/// What happens at the edges of a window, where there is usually no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeModifier {
    /// `anchored`: the window begins with the last sample before it.
    Anchored,
    /// `smoothed`: values at the edges are interpolated between the samples around them.
    Smoothed,
}

impl EdgeModifier {
    /// The keyword.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

impl Selector {
    /// All conditions on series, the one on the metric name first.
    pub fn all_matchers(&self) -> Vec<Matcher> {
        let name = self.name.iter().map(|name| Matcher::equal(METRIC_NAME, name));
        name.chain(self.matchers.iter().cloned()).collect()
    }
}

/// What shifts a selector or subquery in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeModifiers {
    /// `offset`: look this far into the past, into the future when negative.
    pub offset: Option<DurationExpr>,
    /// `@`: look from this time rather than from the evaluation time.
    pub at: Option<AtModifier>,
}

/// The time after `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtModifier {
    /// Milliseconds since the Unix epoch.
    Time(i64),
    /// The start of the query.
    Start,
    /// The end of the query.
    End,
}

/// A duration in brackets or after `offset`.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// Milliseconds.
    Fixed(i64),
    /// An expression of numbers, durations, `step()`, `range()`, `min_of` and `max_of`, in seconds.
    Computed(Box<Expr>),
}
