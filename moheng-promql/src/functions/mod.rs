//! The table of functions, which parser, checker and evaluator all read.

mod date;
mod math;
mod table;

pub(crate) use date::DateField;

use moheng_metrics::HistogramView;

use crate::ast::ValueType;
pub use table::FUNCTIONS;

/// A row of the function table.
#[derive(Debug)]
pub struct Function {
    name: &'static str,
    arguments: &'static [ValueType],
    variadic: Variadic,
    returns: ValueType,
    support: Support,
    summary: &'static str,
    evaluator: Evaluator,
}

/// How many arguments may be missing or added at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variadic {
    /// All arguments must be there.
    No,
    /// The last argument may be missing.
    LastOptional,
    /// The last argument may be missing or repeated.
    LastRepeated,
    /// The last argument may be repeated, so that there are at most so many of it.
    LastUpTo(usize),
}

/// How far a function is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// Always.
    Stable,
    /// Where the parser is told to allow experimental functions.
    Experimental,
}

/// How the evaluator computes a function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Evaluator {
    /// A float function of each sample.
    Map(fn(f64) -> f64),
    /// A function of each sample and of scalars.
    MapScalars(ScalarMap),
    /// A part of the date of each sample, or of the evaluation time.
    Date(DateField),
    /// A function of a window of samples.
    Range(RangeFunction),
    /// A scalar that only depends on the query and the step.
    Context(ContextValue),
    /// Functions with evaluators of their own.
    Special(Special),
    /// A number told of each native histogram.
    Histogram {
        value: fn(HistogramView<'_>) -> f64,
        /// Whether count and sum do not suffice.
        needs_buckets: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarMap {
    Clamp,
    ClampMin,
    ClampMax,
    Round,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    InstantRate,
    InstantDelta,
    Derivative,
    PredictLinear,
    Resets,
    Changes,
    Avg,
    Sum,
    Min,
    Max,
    Count,
    Quantile,
    Stddev,
    Stdvar,
    Last,
    First,
    Present,
    MedianAbsoluteDeviation,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
    DoubleExponentialSmoothing,
}

impl RangeFunction {
    /// Whether the result is still a sample of the metric.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Self::Last | Self::First)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextValue {
    EvaluationTime,
    Pi,
    QueryStart,
    QueryEnd,
    QueryRange,
    QueryStep,
    MinOf,
    MaxOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Scalar,
    Vector,
    Timestamp,
    Absent,
    AbsentOverTime,
    Sort { is_descending: bool },
    SortByLabel { is_descending: bool },
    LabelReplace,
    LabelJoin,
    HistogramQuantile,
    HistogramFraction,
    HistogramQuantiles,
    Info,
    StartTimestamp,
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

impl Function {
    /// The name as written in queries.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The type of its value.
    pub fn returns(&self) -> ValueType {
        self.returns
    }

    /// How far it is available.
    pub fn support(&self) -> Support {
        self.support
    }

    /// What it does, in one sentence.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The least and the most arguments it takes; no upper bound when `None`.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let count = self.arguments.len();
        match self.variadic {
            Variadic::No => (count, Some(count)),
            Variadic::LastOptional => (count - 1, Some(count)),
            Variadic::LastRepeated => (count - 1, None),
            Variadic::LastUpTo(most) => (count, Some(count - 1 + most)),
        }
    }

    /// The types of the arguments; which of them may be missing or repeated is in [`Function::arity`].
    pub fn argument_types(&self) -> &'static [ValueType] {
        self.arguments
    }

    /// The type of the argument at `index`, if there can be one.
    pub fn argument_type(&self, index: usize) -> Option<ValueType> {
        let last = self.arguments.last().copied();
        let repeated = last.filter(|_| match self.variadic {
            Variadic::LastRepeated => true,
            Variadic::LastUpTo(most) => index < self.arguments.len() - 1 + most,
            Variadic::No | Variadic::LastOptional => false,
        });
        self.arguments.get(index).copied().or(repeated)
    }

    pub(crate) fn evaluator(&self) -> Evaluator {
        self.evaluator
    }

    /// Whether it is `info()`, whose second argument is not evaluated.
    pub(crate) fn is_info(&self) -> bool {
        matches!(self.evaluator, Evaluator::Special(Special::Info))
    }

    /// Whether the value depends on the evaluation time even when all arguments are the same at every step.
    pub(crate) fn reads_evaluation_time(&self) -> bool {
        match self.evaluator {
            Evaluator::Date(_)
            | Evaluator::Range(RangeFunction::PredictLinear)
            | Evaluator::Special(Special::Timestamp | Special::Info) => true,
            Evaluator::Context(value) => !matches!(
                value,
                ContextValue::Pi | ContextValue::MinOf | ContextValue::MaxOf
            ),
            _ => false,
        }
    }
}

/// Rows are equal when they are the same row.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
