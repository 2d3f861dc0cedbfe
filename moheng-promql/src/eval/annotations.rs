//! [`Annotations`]: remarks on a result that do not fail the query.

use hashbrown::HashSet;

use super::Evaluator;
use super::element::Element;
use super::window::{Remark, Remarks};
use crate::ast::Span;

/// Remarks on a result, each once, in the order they came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Annotations {
    /// The result is probably not what was wanted.
    pub warnings: Vec<String>,
    /// The result is right but something about it may surprise.
    pub infos: Vec<String>,
}

/// Gathers annotations while a query runs.
#[derive(Debug)]
pub(crate) struct Annotator<'q> {
    query: &'q str,
    seen: HashSet<String>,
    collected: Annotations,
}

impl<'q> Annotator<'q> {
    pub(crate) fn new(query: &'q str) -> Self {
        Self {
            query,
            seen: HashSet::new(),
            collected: Annotations::default(),
        }
    }

    pub(crate) fn warn(&mut self, span: Span, message: &str) {
        let text = self.text("PromQL warning", span, message);
        if self.seen.insert(text.clone()) {
            self.collected.warnings.push(text);
        }
    }

    pub(crate) fn inform(&mut self, span: Span, message: &str) {
        let text = self.text("PromQL info", span, message);
        if self.seen.insert(text.clone()) {
            self.collected.infos.push(text);
        }
    }

    pub(crate) fn finish(self) -> Annotations {
        self.collected
    }

    fn text(&self, prefix: &str, span: Span, message: &str) -> String {
        let (line, column) = span.line_column(self.query);
        format!("{prefix}: {message} ({line}:{column})")
    }
}

impl Evaluator<'_> {
    /// Tells what there is to remark on a series.
    pub(crate) fn remark(&self, remarks: Remarks, element: &Element, span: Span) {
        if remarks.is_empty() {
            return;
        }
        let mut name = String::new();
        crate::ast::push_quoted(element.labels.metric_name(), &mut name);
        for (remark, is_warning, text) in REMARKS {
            if !remarks.contains(*remark) {
                continue;
            }
            let has_name = !element.labels.metric_name().is_empty();
            let message = match remark {
                Remark::StartTimesOverlap if !has_name => text.trim_end_matches(" for metric {}").to_owned(),
                _ => text.replace("{}", &name),
            };
            if *is_warning {
                self.warn(span, &message);
            } else {
                self.inform(span, &message);
            }
        }
    }
}

/// All remarks: whether it is a warning, and its text with `{}` for the name of the metric.
const REMARKS: &[(Remark, bool, &str)] = &[
    (
        Remark::StartTimesOverlap,
        true,
        "sample has start time that overlaps with previous sample timestamp for metric {}",
    ),
    (
        Remark::MixedKinds,
        true,
        "encountered a mix of histograms and floats for metric name {}",
    ),
    (
        Remark::MixedBuckets,
        true,
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
    ),
    (
        Remark::NotACounter,
        true,
        "this native histogram metric is not a counter: {}",
    ),
    (
        Remark::NotAGauge,
        true,
        "this native histogram metric is not a gauge: {}",
    ),
    (
        Remark::ResetsCollide,
        true,
        "conflicting counter resets during histogram aggregation",
    ),
    (
        Remark::BoundsAdded,
        false,
        "mismatched custom buckets were reconciled during addition",
    ),
    (
        Remark::BoundsSubtracted,
        false,
        "mismatched custom buckets were reconciled during subtraction",
    ),
    (
        Remark::BoundsAggregated,
        false,
        "mismatched custom buckets were reconciled during aggregation",
    ),
    (
        Remark::HistogramsIgnored,
        false,
        "ignored histograms in a range containing both floats and histograms for metric name {}",
    ),
];
