//! [`Plan`]: how a query is evaluated, and what that took.

mod fold;
mod propagate;

pub(crate) use fold::fold;
pub(crate) use propagate::propagate;

use std::fmt;

use crate::ast::{Expr, ExprKind, Span};
use crate::eval::{Evaluator, Grid, Measured, TimeRange};

/// How a query is evaluated: its tree after constant folding, what its selectors read, and, when the query was
/// analyzed, what every node took. Displays as an indented tree.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The outermost node.
    pub root: PlanNode,
}

/// A node of a [`Plan`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PlanNode {
    /// What the node does, without its operands.
    pub description: String,
    /// Where it was written.
    pub span: Span,
    /// Whether its value is known before anything is read.
    pub is_constant: bool,
    /// Whether it is evaluated once for all steps.
    pub is_step_invariant: bool,
    /// What a selector reads.
    pub select: Option<PlannedSelect>,
    /// What it took; `None` when the query was not analyzed or the node was evaluated as part of another one.
    pub measured: Option<Measured>,
    /// The operands.
    pub children: Vec<PlanNode>,
}

/// What a selector reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedSelect {
    /// First millisecond since the Unix epoch, inclusive.
    pub start_ms: i64,
    /// Last millisecond since the Unix epoch, inclusive.
    pub end_ms: i64,
    /// Selectors with the same number read their series together, once.
    pub shared: Option<usize>,
}

impl Plan {
    pub(crate) fn new(evaluator: &Evaluator<'_>, expr: &Expr, grid: &Grid) -> Self {
        Self {
            root: node(evaluator, expr, grid),
        }
    }
}

fn node(evaluator: &Evaluator<'_>, expr: &Expr, grid: &Grid) -> PlanNode {
    let mut inner_grid = *grid;
    if let ExprKind::Subquery(subquery) = expr.kind() {
        let inner = evaluator
            .range_windows(expr, grid)
            .and_then(|windows| evaluator.subquery_grid(subquery, &windows));
        inner_grid = inner.unwrap_or(*grid);
    }
    let mut children: Vec<PlanNode> = expr
        .children()
        .into_iter()
        .map(|child| node(evaluator, child, &inner_grid))
        .collect();
    if let ExprKind::Call(call) = expr.kind()
        && call.function.is_info()
    {
        // The matchers of info() are no selector of their own: the call reads the info series.
        for matchers in children.iter_mut().skip(1) {
            matchers.select = None;
        }
    }
    let is_constant = matches!(expr.kind(), ExprKind::Number(_) | ExprKind::String(_));
    let recorder = evaluator.recorder.as_ref();
    PlanNode {
        description: description(expr),
        span: expr.span(),
        is_constant,
        is_step_invariant: expr.is_step_invariant() && grid.steps > 1,
        select: planned_select(evaluator, expr, grid),
        measured: recorder.and_then(|recorder| recorder.measured(expr.span())),
        children,
    }
}

fn planned_select(evaluator: &Evaluator<'_>, expr: &Expr, grid: &Grid) -> Option<PlannedSelect> {
    let (selector, windows) = match expr.kind() {
        ExprKind::Selector(selector) => {
            let windows = evaluator.windows(&selector.modifiers, evaluator.query.lookback_ms, grid);
            (selector, windows.ok()?)
        }
        ExprKind::Range(range) => (&range.selector, evaluator.range_windows(expr, grid).ok()?),
        _ => return None,
    };
    let shared = evaluator.fetches.number_of(expr.span());
    let fetch = shared.and_then(|number| evaluator.fetches.fetches().get(number));
    let own = evaluator.time_range(selector, &windows);
    let TimeRange { start_ms, end_ms } = fetch.map_or(own, |fetch| fetch.range);
    Some(PlannedSelect {
        start_ms,
        end_ms,
        shared,
    })
}

/// What a node does, without its operands.
fn description(expr: &Expr) -> String {
    match expr.kind() {
        ExprKind::Subquery(subquery) => {
            let step = subquery
                .step
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("subquery [{}:{step}]{}", subquery.range, subquery.modifiers)
        }
        ExprKind::Paren(_) => "( )".to_owned(),
        ExprKind::Unary(unary) => unary.op.as_str().to_owned(),
        ExprKind::Binary(binary) => binary.operator_text(),
        ExprKind::Aggregate(aggregate) => aggregate.head_text().trim_end().to_owned(),
        ExprKind::Call(call) => format!("{}()", call.function.name()),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => {
            expr.to_string()
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt_indented(f, 0)
    }
}

impl PlanNode {
    fn fmt_indented(&self, f: &mut fmt::Formatter<'_>, level: usize) -> fmt::Result {
        let mut notes = Vec::new();
        if self.is_constant {
            notes.push("constant".to_owned());
        } else if self.is_step_invariant {
            notes.push("once for all steps".to_owned());
        }
        if let Some(select) = &self.select {
            notes.push(format!("{} ms to {} ms", select.start_ms, select.end_ms));
            notes.extend(select.shared.map(|number| format!("shared read {number}")));
        }
        if let Some(measured) = &self.measured {
            if measured.series_read > 0 {
                let (series, samples) = (measured.series_read, measured.samples_read);
                notes.push(format!("read {series} series, {samples} samples"));
            }
            if measured.time.as_nanos() > 0 || measured.series > 0 {
                let (series, samples) = (measured.series, measured.samples);
                notes.push(format!("{:?}, {series} series, {samples} samples", measured.time));
            }
        }
        write!(f, "{:indent$}{}", "", self.description, indent = 2 * level)?;
        if !notes.is_empty() {
            write!(f, "  [{}]", notes.join("; "))?;
        }
        writeln!(f)?;
        self.children
            .iter()
            .try_for_each(|child| child.fmt_indented(f, level + 1))
    }
}
