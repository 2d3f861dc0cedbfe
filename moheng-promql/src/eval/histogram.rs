//! `histogram_quantile` and `histogram_fraction` of native histograms and of classic ones, whose buckets are series with a
//! label `le`.

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{format_json_float, parse_float};

use super::call::{argument, string_argument};
use super::classic_buckets::{Bucket, fraction_of_buckets, quantile_of_buckets};
use super::column::{Column, Mask};
use super::element::{Element, ElementSet};
use super::grid::Grid;
use super::scalars::Scalars;
use super::{Evaluator, Sink, emit, names_are_uniform};
use crate::aggregate::LabelKeys;
use crate::ast::{CallExpr, Expr, Grouping};
use crate::error::QueryError;

const BUCKET_LABEL: &str = "le";

/// A histogram over all steps.
struct Histogram {
    element: Element,
    source: Source,
    /// Where there is one of the other kind with the same labels.
    excluded: Option<Mask>,
}

/// Where a histogram comes from.
enum Source {
    /// Bounds and rows of the buckets, ascending by bound.
    Classic(Vec<(f64, usize)>),
    /// The row with native histograms.
    Native { row: usize },
}

impl Histogram {
    fn exclude(&mut self, steps: &Mask) {
        match &mut self.excluded {
            Some(excluded) => excluded.unite(steps),
            None => self.excluded = Some(steps.clone()),
        }
    }

    /// Computes one value per step that is asked for.
    fn estimate(
        &self,
        set: &ElementSet<'_, '_>,
        is_asked: impl Fn(usize) -> bool,
        estimate: &mut dyn Estimate,
        out: &mut Column,
    ) {
        let excluded = |step: usize| self.excluded.as_ref().is_some_and(|mask| mask.contains(step));
        match &self.source {
            Source::Native { row } => {
                let column = &set.rows[*row].1;
                out.reset(column.steps());
                for (step, histogram) in column.histograms() {
                    if is_asked(step) && !excluded(step) {
                        out.set(step, estimate.native(step, histogram, &self.element));
                    }
                }
            }
            Source::Classic(rows) => {
                let steps = rows.first().map_or(0, |(_, row)| set.rows[*row].1.steps());
                out.reset(steps);
                let mut buckets = Vec::with_capacity(rows.len());
                for step in 0..steps {
                    buckets.clear();
                    for (bound, row) in rows {
                        if let Some(count) = set.rows[*row].1.get(step) {
                            buckets.push(Bucket { bound: *bound, count });
                        }
                    }
                    if !buckets.is_empty() && is_asked(step) && !excluded(step) {
                        out.set(step, estimate.classic(step, &mut buckets, &self.element));
                    }
                }
            }
        }
    }
}

/// What is computed for one histogram at one step: of native ones from the sample, of classic ones from the buckets.
trait Estimate {
    fn native(&mut self, step: usize, histogram: &FloatHistogram, element: &Element) -> f64;

    fn classic(&mut self, step: usize, buckets: &mut Vec<Bucket>, element: &Element) -> f64;
}

/// `histogram_quantile`
struct Quantile<'e, 'q> {
    evaluator: &'e Evaluator<'q>,
    vector: &'e Expr,
    quantiles: &'e Scalars,
}

impl Estimate for Quantile<'_, '_> {
    fn native(&mut self, step: usize, histogram: &FloatHistogram, element: &Element) -> f64 {
        let quantile = self.quantiles.at(step);
        let value = histogram.view().quantile(quantile);
        if (0.0..=1.0).contains(&quantile) && has_nan_observations(histogram) {
            let effect = if value.is_nan() {
                "result is NaN"
            } else {
                "result is skewed higher"
            };
            let mut message = format!("input to histogram_quantile has NaN observations, {effect}");
            push_metric_name(self.evaluator, element, &mut message);
            self.evaluator.inform(self.vector.span(), &message);
        }
        value
    }

    fn classic(&mut self, step: usize, buckets: &mut Vec<Bucket>, element: &Element) -> f64 {
        let (value, was_fixed) = quantile_of_buckets(self.quantiles.at(step), buckets);
        if was_fixed {
            self.evaluator.inform_of_forced_order(element, self.vector);
        }
        value
    }
}

/// `histogram_fraction`
struct Fraction<'e, 'q> {
    evaluator: &'e Evaluator<'q>,
    vector: &'e Expr,
    lower: &'e Scalars,
    upper: &'e Scalars,
}

impl Estimate for Fraction<'_, '_> {
    fn native(&mut self, step: usize, histogram: &FloatHistogram, element: &Element) -> f64 {
        if has_nan_observations(histogram) {
            let mut message =
                "input to histogram_fraction has NaN observations, which are excluded from all fractions"
                    .to_owned();
            push_metric_name(self.evaluator, element, &mut message);
            self.evaluator.inform(self.vector.span(), &message);
        }
        histogram
            .view()
            .fraction(self.lower.at(step), self.upper.at(step))
    }

    fn classic(&mut self, step: usize, buckets: &mut Vec<Bucket>, _: &Element) -> f64 {
        fraction_of_buckets(self.lower.at(step), self.upper.at(step), buckets)
    }
}

/// Whether some observations are in no bucket because they are not a number.
fn has_nan_observations(histogram: &FloatHistogram) -> bool {
    if !histogram.sum.is_nan() {
        return false;
    }
    let buckets = histogram.positive.iter().chain(&histogram.negative);
    buckets.sum::<f64>() + histogram.zero_count < histogram.count
}

impl Evaluator<'_> {
    pub(super) fn stream_histogram_quantile(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let quantiles = self.scalars(argument(call, 0)?, grid)?;
        self.check_quantile(&quantiles, argument(call, 0)?);
        let vector = argument(call, 1)?;
        let mut estimate = Quantile {
            evaluator: self,
            vector,
            quantiles: &quantiles,
        };
        self.stream_estimates(vector, grid, sink, &mut estimate)
    }

    pub(super) fn stream_histogram_fraction(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let lower = self.scalars(argument(call, 0)?, grid)?;
        let upper = self.scalars(argument(call, 1)?, grid)?;
        let vector = argument(call, 2)?;
        let mut estimate = Fraction {
            evaluator: self,
            vector,
            lower: &lower,
            upper: &upper,
        };
        self.stream_estimates(vector, grid, sink, &mut estimate)
    }

    /// Several quantiles at once, each with its number in a label.
    pub(super) fn stream_histogram_quantiles(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let vector = argument(call, 0)?;
        let label = string_argument(call, 1)?;
        if label.is_empty() {
            return Err(QueryError::execution(
                "histogram_quantiles() needs the name of a label",
            ));
        }
        let mut quantiles = Vec::new();
        for argument in call.arguments.iter().skip(2) {
            let scalars = self.scalars(argument, grid)?;
            self.check_quantile(&scalars, argument);
            quantiles.push(scalars);
        }
        let set = self.collect(vector, grid)?;
        let histograms = self.histograms(&set, vector, grid);
        let mut results = ElementSet::new(self)?;
        let mut out = Column::default();
        for (histogram, scalars) in histograms
            .iter()
            .flat_map(|histogram| quantiles.iter().map(move |scalars| (histogram, scalars)))
        {
            let mut estimate = Quantile {
                evaluator: self,
                vector,
                quantiles: scalars,
            };
            let mut values: Vec<f64> = scalars.values().to_vec();
            values.sort_by(f64::total_cmp);
            values.dedup_by_key(|value| value.to_bits());
            for quantile in values {
                self.limits.check()?;
                let is_asked = |step: usize| scalars.at(step).to_bits() == quantile.to_bits();
                histogram.estimate(&set, is_asked, &mut estimate, &mut out);
                if out.is_empty() {
                    continue;
                }
                let mut labels = self.seen_labels(&histogram.element).to_builder();
                labels.set(label, &quantile_label(quantile));
                let drops_name = histogram.element.drops_name && label != moheng_metrics::METRIC_NAME;
                let element = Element {
                    labels: labels.finish(),
                    drops_name,
                };
                results.push(element, out.clone())?;
            }
        }
        results.merge_same_labels()?;
        emit(results, sink)
    }

    /// Computes one value per histogram and step.
    fn stream_estimates(
        &self,
        vector: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
        estimate: &mut dyn Estimate,
    ) -> Result<(), QueryError> {
        let set = self.collect(vector, grid)?;
        let histograms = self.histograms(&set, vector, grid);
        let is_native = |histogram: &Histogram| matches!(histogram.source, Source::Native { .. });
        let natives = histograms.iter().filter(|histogram| is_native(histogram)).count();
        let has_both_kinds = natives > 0 && natives < histograms.len();
        let mut produce = |sink: &mut Sink<'_>| {
            let mut out = Column::default();
            for histogram in &histograms {
                self.limits.check()?;
                histogram.estimate(&set, |_| true, estimate, &mut out);
                if !out.is_empty() {
                    sink(histogram.element.clone(), &mut out)?;
                }
            }
            Ok(())
        };
        if !has_both_kinds {
            return self.without_collisions(names_are_uniform(vector), sink, &mut produce);
        }
        // A series may be classic at some steps and native at others.
        let mut results = ElementSet::new(self)?;
        produce(&mut |element, column| {
            let labels = self.seen_labels(&element);
            let drops_name = element.drops_name && self.query.delays_name_removal;
            results.push(Element { labels, drops_name }, std::mem::take(column))
        })?;
        results.merge_same_labels()?;
        emit(results, sink)
    }

    /// Finds the native histograms, and gathers buckets into classic ones.
    fn histograms(&self, set: &ElementSet<'_, '_>, vector: &Expr, grid: &Grid) -> Vec<Histogram> {
        let grouping = Grouping {
            is_without: true,
            labels: vec![BUCKET_LABEL.to_owned()],
        };
        let mut keys = LabelKeys::keeping_name(&grouping);
        let mut histograms: Vec<Histogram> = Vec::new();
        for (row, (element, column)) in set.rows.iter().enumerate() {
            if column.present().is_empty() {
                continue;
            }
            let text = element.labels.get(BUCKET_LABEL).unwrap_or_default();
            let Some(bound) = parse_float(text) else {
                let mut message =
                    format!("bucket label \"le\" is missing or has a malformed value of {text:?}");
                push_metric_name(self, element, &mut message);
                self.warn(vector.span(), &message);
                continue;
            };
            let (id, is_new) = keys.id(&element.labels, self.hides_name(element));
            if is_new {
                let labels = element.labels.to_builder().without(BUCKET_LABEL).finish();
                histograms.push(Histogram {
                    element: Element::new(labels).nameless(),
                    source: Source::Classic(Vec::new()),
                    excluded: None,
                });
            }
            if let Source::Classic(buckets) = &mut histograms[id].source {
                buckets.push((bound, row));
            }
        }
        for histogram in &mut histograms {
            if let Source::Classic(buckets) = &mut histogram.source {
                buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
            }
        }
        for (row, (element, column)) in set.rows.iter().enumerate() {
            if !column.has_histograms() {
                continue;
            }
            let classic = keys.known_id(&element.labels, self.hides_name(element));
            let excluded = classic.and_then(|classic| {
                let both = self.steps_of_both(set, &histograms[classic], row, vector, grid)?;
                histograms[classic].exclude(&both);
                Some(both)
            });
            histograms.push(Histogram {
                element: element.clone().nameless(),
                source: Source::Native { row },
                excluded,
            });
        }
        histograms
    }

    /// The steps at which there are a classic and a native histogram of the same name and labels: neither is used.
    fn steps_of_both(
        &self,
        set: &ElementSet<'_, '_>,
        classic: &Histogram,
        native: usize,
        vector: &Expr,
        grid: &Grid,
    ) -> Option<Mask> {
        let Source::Classic(buckets) = &classic.source else {
            return None;
        };
        let mut both = Mask::empty(grid.steps);
        let (element, column) = &set.rows[native];
        for (step, _) in column.histograms() {
            if buckets
                .iter()
                .any(|(_, row)| set.rows[*row].1.get(step).is_some())
            {
                both.insert(step);
            }
        }
        if both.is_empty() {
            return None;
        }
        let mut message = "vector contains a mix of classic and native histograms".to_owned();
        push_metric_name(self, element, &mut message);
        self.warn(vector.span(), &message);
        Some(both)
    }

    fn inform_of_forced_order(&self, element: &Element, vector: &Expr) {
        let mut message = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)".to_owned();
        push_metric_name(self, element, &mut message);
        self.inform(vector.span(), &message);
    }
}

/// A number as the label of a quantile: whole numbers end in `.0`.
fn quantile_label(quantile: f64) -> String {
    let mut text = String::new();
    format_json_float(quantile, &mut text);
    if quantile.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

fn push_metric_name(evaluator: &Evaluator<'_>, element: &Element, message: &mut String) {
    let name = element.labels.metric_name();
    if !name.is_empty() && evaluator.query.delays_name_removal {
        message.push_str(" for metric name ");
        crate::ast::push_quoted(name, message);
    }
}
