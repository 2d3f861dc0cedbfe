//! Selectors of one query that select the same series read them once.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use moheng_metrics::{Matcher, SampleBuffer};

use super::Evaluator;
use super::grid::Grid;
use super::input::{SharedSeries, TimeRange};
use super::limits::buffered_samples;
use crate::ast::{Expr, ExprKind, Selector, Span};
use crate::error::QueryError;

/// What the selectors of a query read, where several read the same.
#[derive(Debug, Default)]
pub(crate) struct FetchTable {
    /// The fetch each selector takes part in, by where it was written.
    by_span: HashMap<Span, usize>,
    fetches: Vec<Fetch>,
}

/// Series read once for several selectors.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) range: TimeRange,
    state: RefCell<FetchState>,
}

#[derive(Clone, Debug)]
enum FetchState {
    Unread,
    Read(Arc<SharedSeries>),
    /// They did not fit the limits: every selector reads for itself, and may hold less at once.
    TooLarge,
}

/// A selector and what it reads.
struct Use {
    span: Span,
    matchers: Vec<Matcher>,
    range: TimeRange,
}

impl FetchTable {
    /// Finds the selectors that share their series.
    pub(crate) fn plan(evaluator: &Evaluator<'_>, expr: &Expr, grid: &Grid) -> Self {
        let mut uses = Vec::new();
        // What cannot be planned is not shared; evaluation says what is wrong with it.
        let _ = find_uses(evaluator, expr, grid, &mut uses);
        let mut table = Self::default();
        while let Some(first) = uses.pop() {
            let (same, others) = uses
                .into_iter()
                .partition(|other: &Use| other.matchers == first.matchers);
            uses = others;
            table.share(first, same);
        }
        table
    }

    /// The number of the shared fetch a selector takes part in.
    pub(crate) fn number_of(&self, span: Span) -> Option<usize> {
        self.by_span.get(&span).copied()
    }

    pub(crate) fn fetches(&self) -> &[Fetch] {
        &self.fetches
    }

    /// Puts uses of the same series together as far as their times overlap.
    fn share(&mut self, first: Use, mut others: Vec<Use>) {
        others.push(first);
        others.sort_by_key(|other| other.range.start_ms);
        let mut group: Vec<Use> = Vec::new();
        for other in others {
            let end_ms = group.iter().map(|member| member.range.end_ms).max();
            if end_ms.is_some_and(|end_ms| end_ms < other.range.start_ms) {
                self.add_group(std::mem::take(&mut group));
            }
            group.push(other);
        }
        self.add_group(group);
    }

    fn add_group(&mut self, group: Vec<Use>) {
        let start_ms = group.iter().map(|member| member.range.start_ms).min();
        let end_ms = group.iter().map(|member| member.range.end_ms).max();
        let (Some(start_ms), Some(end_ms)) = (start_ms, end_ms) else {
            return;
        };
        if group.len() < 2 {
            return;
        }
        for member in &group {
            self.by_span.insert(member.span, self.fetches.len());
        }
        self.fetches.push(Fetch {
            matchers: group
                .into_iter()
                .next()
                .map(|member| member.matchers)
                .unwrap_or_default(),
            range: TimeRange { start_ms, end_ms },
            state: RefCell::new(FetchState::Unread),
        });
    }
}

fn find_uses(
    evaluator: &Evaluator<'_>,
    expr: &Expr,
    grid: &Grid,
    uses: &mut Vec<Use>,
) -> Result<(), QueryError> {
    let mut add = |selector: &Selector, range: TimeRange| {
        uses.push(Use {
            span: expr.span(),
            matchers: selector.all_matchers(),
            range,
        });
    };
    match expr.kind() {
        ExprKind::Selector(selector) => {
            let windows = evaluator.windows(&selector.modifiers, evaluator.query.lookback_ms, grid)?;
            add(selector, evaluator.time_range(selector, &windows));
        }
        ExprKind::Range(range) => {
            let windows = evaluator.range_windows(expr, grid)?;
            add(&range.selector, evaluator.time_range(&range.selector, &windows));
        }
        ExprKind::Subquery(subquery) => {
            let windows = evaluator.range_windows(expr, grid)?;
            let inner = evaluator.subquery_grid(subquery, &windows)?;
            if windows.steps > 0 && inner.steps > 0 {
                find_uses(evaluator, &subquery.expr, &inner, uses)?;
            }
        }
        ExprKind::Call(call) if call.function.is_info() => {
            if let Some(vector) = call.arguments.first() {
                find_uses(evaluator, vector, grid, uses)?;
            }
        }
        _ => {
            for child in expr.children() {
                find_uses(evaluator, child, grid, uses)?;
            }
        }
    }
    Ok(())
}

impl Evaluator<'_> {
    /// The shared series of a selector, read now if nobody has read them before; `None` when it reads for itself.
    pub(crate) fn shared_series(&self, span: Span) -> Result<Option<Arc<SharedSeries>>, QueryError> {
        let number = self.fetches.number_of(span);
        let Some(fetch) = number.and_then(|number| self.fetches.fetches.get(number)) else {
            return Ok(None);
        };
        let state = fetch.state.borrow().clone();
        match state {
            FetchState::Read(series) => Ok(Some(series)),
            FetchState::TooLarge => Ok(None),
            FetchState::Unread => {
                let series = self.read_shared(fetch)?.map(Arc::new);
                *fetch.state.borrow_mut() = match &series {
                    Some(series) => FetchState::Read(Arc::clone(series)),
                    None => FetchState::TooLarge,
                };
                Ok(series)
            }
        }
    }

    /// Reads the series of a fetch unless they are too many to be held.
    fn read_shared(&self, fetch: &Fetch) -> Result<Option<SharedSeries>, QueryError> {
        let mut held = self.limits.hold(0)?;
        let mut shared = SharedSeries::default();
        let mut input = self.select(fetch.matchers.clone(), fetch.range, 0, None)?;
        while let Some(job) = input.next_job()? {
            let mut buffer = SampleBuffer::new();
            let loaded = job.load(fetch.range, &self.limits, &mut buffer);
            let (labels, samples_read) = match loaded {
                Ok((labels, samples_read, _)) => (labels, samples_read),
                Err(QueryError::Execution(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            self.count_read(1, samples_read as u64);
            if buffer.is_empty() {
                continue;
            }
            let samples = buffer.floats.len() + buffered_samples(&buffer, 0);
            if held.add(samples).is_err() || held.add_labels(&labels).is_err() {
                return Ok(None);
            }
            shared.rows.push((labels, buffer));
        }
        held.keep();
        Ok(Some(shared))
    }
}
