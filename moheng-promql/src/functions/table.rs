//! The rows of the function table.

use moheng_metrics::HistogramView;

use ValueType::{InstantVector, RangeVector, Scalar, String as Text};

use super::{
    ContextValue, DateField, Evaluator, Function, RangeFunction, ScalarMap, Special, Support, Variadic, math,
};
use crate::ast::ValueType;

/// All functions of Prometheus 3.14, by name; [`Function::support`] tells which of them can be used.
#[rustfmt::skip]
pub static FUNCTIONS: &[Function] = &[
    function("abs", &[InstantVector], Evaluator::Map(f64::abs), "Absolute value."),
    function("absent", &[InstantVector], Evaluator::Special(Special::Absent), "1 where no element exists, with the labels the selector asks for."),
    function("absent_over_time", &[RangeVector], Evaluator::Special(Special::AbsentOverTime), "1 where no sample exists in the window."),
    function("acos", &[InstantVector], Evaluator::Map(f64::acos), "Arc cosine in radians."),
    function("acosh", &[InstantVector], Evaluator::Map(math::acosh), "Inverse hyperbolic cosine."),
    function("asin", &[InstantVector], Evaluator::Map(f64::asin), "Arc sine in radians."),
    function("asinh", &[InstantVector], Evaluator::Map(math::asinh), "Inverse hyperbolic sine."),
    function("atan", &[InstantVector], Evaluator::Map(f64::atan), "Arc tangent in radians."),
    function("atanh", &[InstantVector], Evaluator::Map(math::atanh), "Inverse hyperbolic tangent."),
    function("avg_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Avg), "Mean of the samples in the window."),
    function("ceil", &[InstantVector], Evaluator::Map(f64::ceil), "Rounds up."),
    function("changes", &[RangeVector], Evaluator::Range(RangeFunction::Changes), "How often the value changes in the window."),
    function("clamp", &[InstantVector, Scalar, Scalar], Evaluator::MapScalars(ScalarMap::Clamp), "Limits values from below and above."),
    function("clamp_max", &[InstantVector, Scalar], Evaluator::MapScalars(ScalarMap::ClampMax), "Limits values from above."),
    function("clamp_min", &[InstantVector, Scalar], Evaluator::MapScalars(ScalarMap::ClampMin), "Limits values from below."),
    function("cos", &[InstantVector], Evaluator::Map(f64::cos), "Cosine of radians."),
    function("cosh", &[InstantVector], Evaluator::Map(f64::cosh), "Hyperbolic cosine."),
    function("count_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Count), "Number of samples in the window."),
    function("day_of_month", &[InstantVector], Evaluator::Date(DateField::DayOfMonth), "Day of the month, 1 to 31, UTC.").variadic(Variadic::LastOptional),
    function("day_of_week", &[InstantVector], Evaluator::Date(DateField::DayOfWeek), "Day of the week, 0 is Sunday, UTC.").variadic(Variadic::LastOptional),
    function("day_of_year", &[InstantVector], Evaluator::Date(DateField::DayOfYear), "Day of the year, 1 to 366, UTC.").variadic(Variadic::LastOptional),
    function("days_in_month", &[InstantVector], Evaluator::Date(DateField::DaysInMonth), "Number of days of the month, UTC.").variadic(Variadic::LastOptional),
    function("deg", &[InstantVector], Evaluator::Map(f64::to_degrees), "Radians to degrees."),
    function("delta", &[RangeVector], Evaluator::Range(RangeFunction::Delta), "Difference between the ends of the window, extrapolated to its borders."),
    function("deriv", &[RangeVector], Evaluator::Range(RangeFunction::Derivative), "Slope per second by linear regression."),
    function("double_exponential_smoothing", &[RangeVector, Scalar, Scalar], Evaluator::Range(RangeFunction::DoubleExponentialSmoothing), "Smoothed value with a trend, by two factors between 0 and 1.").supported(Support::Experimental),
    function("end", &[], Evaluator::Context(ContextValue::QueryEnd), "End of the query in seconds.").returning(Scalar).supported(Support::Experimental),
    function("exp", &[InstantVector], Evaluator::Map(f64::exp), "Exponential function."),
    function("first_over_time", &[RangeVector], Evaluator::Range(RangeFunction::First), "Oldest sample in the window."),
    function("floor", &[InstantVector], Evaluator::Map(f64::floor), "Rounds down."),
    function("histogram_avg", &[InstantVector], statistic(|histogram| histogram.mean()), "Mean of the observations of native histograms."),
    function("histogram_count", &[InstantVector], statistic(|histogram| histogram.count), "Number of observations of native histograms."),
    function("histogram_fraction", &[Scalar, Scalar, InstantVector], Evaluator::Special(Special::HistogramFraction), "Fraction of observations between two values, of classic or native histograms."),
    function("histogram_quantile", &[Scalar, InstantVector], Evaluator::Special(Special::HistogramQuantile), "Quantile of observations, of classic or native histograms."),
    function("histogram_quantiles", &[InstantVector, Text, Scalar], Evaluator::Special(Special::HistogramQuantiles), "Several quantiles of observations, each with its number in a label.").variadic(Variadic::LastUpTo(10)).supported(Support::Experimental),
    function("histogram_stddev", &[InstantVector], Evaluator::Histogram { value: |histogram| histogram.variance().sqrt(), needs_buckets: true }, "Standard deviation of the observations of native histograms."),
    function("histogram_stdvar", &[InstantVector], Evaluator::Histogram { value: |histogram| histogram.variance(), needs_buckets: true }, "Variance of the observations of native histograms."),
    function("histogram_sum", &[InstantVector], statistic(|histogram| histogram.sum), "Sum of the observations of native histograms."),
    function("hour", &[InstantVector], Evaluator::Date(DateField::Hour), "Hour of the day, UTC.").variadic(Variadic::LastOptional),
    function("idelta", &[RangeVector], Evaluator::Range(RangeFunction::InstantDelta), "Difference of the last two samples."),
    function("increase", &[RangeVector], Evaluator::Range(RangeFunction::Increase), "Growth of a counter in the window, extrapolated to its borders."),
    function("info", &[InstantVector, InstantVector], Evaluator::Special(Special::Info), "Adds the labels of info metrics.").variadic(Variadic::LastOptional).supported(Support::Experimental),
    function("irate", &[RangeVector], Evaluator::Range(RangeFunction::InstantRate), "Growth per second between the last two samples of a counter."),
    function("label_join", &[InstantVector, Text, Text, Text], Evaluator::Special(Special::LabelJoin), "Sets a label to the values of others, joined.").variadic(Variadic::LastRepeated),
    function("label_replace", &[InstantVector, Text, Text, Text, Text], Evaluator::Special(Special::LabelReplace), "Sets a label from another one by a regular expression."),
    function("last_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Last), "Newest sample in the window."),
    function("ln", &[InstantVector], Evaluator::Map(f64::ln), "Natural logarithm."),
    function("log10", &[InstantVector], Evaluator::Map(f64::log10), "Decimal logarithm."),
    function("log2", &[InstantVector], Evaluator::Map(f64::log2), "Binary logarithm."),
    function("mad_over_time", &[RangeVector], Evaluator::Range(RangeFunction::MedianAbsoluteDeviation), "Median absolute deviation of the samples in the window.").supported(Support::Experimental),
    function("max_of", &[Scalar, Scalar], Evaluator::Context(ContextValue::MaxOf), "The larger of two numbers.").returning(Scalar).supported(Support::Experimental),
    function("max_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Max), "Largest sample in the window."),
    function("min_of", &[Scalar, Scalar], Evaluator::Context(ContextValue::MinOf), "The smaller of two numbers.").returning(Scalar).supported(Support::Experimental),
    function("min_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Min), "Smallest sample in the window."),
    function("minute", &[InstantVector], Evaluator::Date(DateField::Minute), "Minute of the hour, UTC.").variadic(Variadic::LastOptional),
    function("month", &[InstantVector], Evaluator::Date(DateField::Month), "Month of the year, 1 to 12, UTC.").variadic(Variadic::LastOptional),
    function("pi", &[], Evaluator::Context(ContextValue::Pi), "Circumference of the circle of diameter 1.").returning(Scalar),
    function("predict_linear", &[RangeVector, Scalar], Evaluator::Range(RangeFunction::PredictLinear), "Value so many seconds from now, by linear regression."),
    function("present_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Present), "1 where samples exist in the window."),
    function("quantile_over_time", &[Scalar, RangeVector], Evaluator::Range(RangeFunction::Quantile), "Quantile of the samples in the window."),
    function("rad", &[InstantVector], Evaluator::Map(f64::to_radians), "Degrees to radians."),
    function("range", &[], Evaluator::Context(ContextValue::QueryRange), "Length of the query in seconds.").returning(Scalar).supported(Support::Experimental),
    function("rate", &[RangeVector], Evaluator::Range(RangeFunction::Rate), "Growth of a counter per second, extrapolated to the borders of the window."),
    function("resets", &[RangeVector], Evaluator::Range(RangeFunction::Resets), "How often the value falls in the window."),
    function("round", &[InstantVector, Scalar], Evaluator::MapScalars(ScalarMap::Round), "Rounds to the nearest multiple, halves up.").variadic(Variadic::LastOptional),
    function("scalar", &[InstantVector], Evaluator::Special(Special::Scalar), "The value of the only element.").returning(Scalar),
    function("sgn", &[InstantVector], Evaluator::Map(math::sign), "Sign: -1, 0 or 1."),
    function("sin", &[InstantVector], Evaluator::Map(f64::sin), "Sine of radians."),
    function("sinh", &[InstantVector], Evaluator::Map(f64::sinh), "Hyperbolic sine."),
    function("sort", &[InstantVector], Evaluator::Special(Special::Sort { is_descending: false }), "Orders elements by value, smallest first."),
    function("sort_by_label", &[InstantVector, Text], Evaluator::Special(Special::SortByLabel { is_descending: false }), "Orders elements by labels.").variadic(Variadic::LastRepeated).supported(Support::Experimental),
    function("sort_by_label_desc", &[InstantVector, Text], Evaluator::Special(Special::SortByLabel { is_descending: true }), "Orders elements by labels, last first.").variadic(Variadic::LastRepeated).supported(Support::Experimental),
    function("sort_desc", &[InstantVector], Evaluator::Special(Special::Sort { is_descending: true }), "Orders elements by value, largest first."),
    function("sqrt", &[InstantVector], Evaluator::Map(f64::sqrt), "Square root."),
    function("start", &[], Evaluator::Context(ContextValue::QueryStart), "Start of the query in seconds.").returning(Scalar).supported(Support::Experimental),
    function("start_timestamp", &[InstantVector], Evaluator::Special(Special::StartTimestamp), "When the samples of a selector started to count, in seconds.").supported(Support::Experimental),
    function("stddev_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Stddev), "Population standard deviation of the samples in the window."),
    function("stdvar_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Stdvar), "Population variance of the samples in the window."),
    function("step", &[], Evaluator::Context(ContextValue::QueryStep), "Step of the query in seconds.").returning(Scalar).supported(Support::Experimental),
    function("sum_over_time", &[RangeVector], Evaluator::Range(RangeFunction::Sum), "Sum of the samples in the window."),
    function("tan", &[InstantVector], Evaluator::Map(f64::tan), "Tangent of radians."),
    function("tanh", &[InstantVector], Evaluator::Map(f64::tanh), "Hyperbolic tangent."),
    function("time", &[], Evaluator::Context(ContextValue::EvaluationTime), "Evaluation time in seconds.").returning(Scalar),
    function("timestamp", &[InstantVector], Evaluator::Special(Special::Timestamp), "Time of the samples in seconds."),
    function("ts_of_first_over_time", &[RangeVector], Evaluator::Range(RangeFunction::TimeOfFirst), "Time of the oldest sample in the window.").supported(Support::Experimental),
    function("ts_of_last_over_time", &[RangeVector], Evaluator::Range(RangeFunction::TimeOfLast), "Time of the newest sample in the window.").supported(Support::Experimental),
    function("ts_of_max_over_time", &[RangeVector], Evaluator::Range(RangeFunction::TimeOfMax), "Time of the last of the largest samples in the window.").supported(Support::Experimental),
    function("ts_of_min_over_time", &[RangeVector], Evaluator::Range(RangeFunction::TimeOfMin), "Time of the last of the smallest samples in the window.").supported(Support::Experimental),
    function("vector", &[Scalar], Evaluator::Special(Special::Vector), "A scalar as an element without labels."),
    function("year", &[InstantVector], Evaluator::Date(DateField::Year), "Year, UTC.").variadic(Variadic::LastOptional),
];

/// What count and sum of a histogram tell.
const fn statistic(value: fn(HistogramView<'_>) -> f64) -> Evaluator {
    Evaluator::Histogram {
        value,
        needs_buckets: false,
    }
}

const fn function(
    name: &'static str,
    arguments: &'static [ValueType],
    evaluator: Evaluator,
    summary: &'static str,
) -> Function {
    Function {
        name,
        arguments,
        variadic: Variadic::No,
        returns: InstantVector,
        support: Support::Stable,
        summary,
        evaluator,
    }
}

impl Function {
    const fn returning(mut self, returns: ValueType) -> Self {
        self.returns = returns;
        self
    }

    const fn variadic(mut self, variadic: Variadic) -> Self {
        self.variadic = variadic;
        self
    }

    const fn supported(mut self, support: Support) -> Self {
        self.support = support;
        self
    }
}
