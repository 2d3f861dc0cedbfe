//! `info()`: adds the labels of info metrics to the elements they describe.

use hashbrown::HashMap;
use moheng_metrics::{Labels, METRIC_NAME, MatchOp, Matcher, SampleBuffer};

use super::call::argument;
use super::element::{Element, ElementSet, is_metadata_label};
use super::grid::{Grid, Windows};
use super::selector::Reading;
use super::window::latest_times;
use super::{Column, Evaluator, Sink, emit};
use crate::ast::{CallExpr, Expr, ExprKind, Selector, Span, TimeModifiers};
use crate::error::QueryError;

/// What says which info series describes which element.
const IDENTIFYING_LABELS: [&str; 2] = ["instance", "job"];

/// The second argument, taken apart.
struct Request {
    /// What info metrics are chosen by.
    names: Vec<Matcher>,
    /// What their labels must be; only labels named here are added when there is any.
    labels: Vec<Matcher>,
}

/// The info series that describe the elements with the same identifying labels.
#[derive(Default)]
struct Described {
    rows: Vec<InfoRow>,
}

/// An info series, and the times in seconds of its newest sample at every step.
struct InfoRow {
    labels: Labels,
    times: Column,
}

impl Request {
    fn of(call: &CallExpr) -> Self {
        let given = call.arguments.get(1).map(Expr::kind);
        let matchers = match given {
            Some(ExprKind::Selector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        let (mut names, labels): (Vec<_>, Vec<_>) = matchers
            .into_iter()
            .partition(|matcher| matcher.name() == METRIC_NAME);
        let chooses = |matcher: &Matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(chooses) {
            names.extend(Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info"));
        }
        Self { names, labels }
    }

    fn is_info_series(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether elements that no info series describes are left out.
    fn drops_undescribed(&self) -> bool {
        self.labels.iter().any(|matcher| !matcher.matches_empty())
    }

    /// Whether a label of an info series is added.
    fn adds(&self, name: &str) -> bool {
        let is_wanted = self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == name);
        is_wanted && !is_metadata_label(name) && !IDENTIFYING_LABELS.contains(&name)
    }
}

impl Evaluator<'_> {
    pub(super) fn stream_info(
        &self,
        call: &CallExpr,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let request = Request::of(call);
        let vector = argument(call, 0)?;
        let set = self.collect(vector, grid)?;
        let windows = self.info_windows(vector, grid)?;
        let described = self.read_info_series(&request, span, windows)?;
        let mut results = ElementSet::new(self)?;
        for (element, column) in &set.rows {
            self.limits.check()?;
            let rows = identity(&element.labels).and_then(|identity| described.get(&identity));
            let passes = request.is_info_series(&element.labels) && !self.hides_name(element);
            match rows {
                _ if passes => results.push(element.clone(), column.clone())?,
                Some(described) => enrich(element, column, described, &request, &mut results)?,
                None if request.drops_undescribed() => {}
                None => results.push(element.clone(), column.clone())?,
            }
        }
        results.merge_same_labels()?;
        emit(results, sink)
    }

    /// The windows in which info series are looked for: they are shifted like the samples they describe.
    fn info_windows(&self, vector: &Expr, grid: &Grid) -> Result<Windows, QueryError> {
        let mut windows = self.windows(&TimeModifiers::default(), self.query.lookback_ms, grid)?;
        let mut path = Vec::new();
        if !first_selector_path(vector, &mut path) {
            return Ok(windows);
        }
        let (mut fixed_ms, mut shift_ms) = (None, 0);
        for modifiers in path {
            let offset_ms = match &modifiers.offset {
                Some(offset) => self.offset_ms(offset)?,
                None => 0,
            };
            if let Some(at) = modifiers.at {
                (fixed_ms, shift_ms) = (Some(self.fixed_time_ms(at)), 0);
            }
            shift_ms += offset_ms;
        }
        if let Some(fixed_ms) = fixed_ms {
            windows.first_end_ms = fixed_ms;
            windows.step_ms = 0;
        }
        windows.first_end_ms -= shift_ms;
        Ok(windows)
    }

    /// The info series by the identity of what they describe.
    fn read_info_series(
        &self,
        request: &Request,
        span: Span,
        windows: Windows,
    ) -> Result<HashMap<[String; 2], Described>, QueryError> {
        let selector = Selector {
            name: None,
            matchers: request.names.iter().chain(&request.labels).cloned().collect(),
            modifiers: TimeModifiers::default(),
            edges: None,
        };
        let reading = Reading {
            selector: &selector,
            span,
            windows,
            function: None,
        };
        let mut held = self.limits.hold(0)?;
        let mut described: HashMap<[String; 2], Described> = HashMap::new();
        self.visit_series(&reading, &mut |element, samples| {
            refuse_histograms(&element.labels, samples)?;
            let Some(identity) = identity(&element.labels) else {
                return Ok(());
            };
            let mut times = Column::default();
            latest_times(samples, &windows, &mut times);
            if times.is_empty() {
                return Ok(());
            }
            held.add(times.steps())?;
            held.add_labels(&element.labels)?;
            let row = InfoRow {
                labels: element.labels,
                times,
            };
            described.entry(identity).or_default().rows.push(row);
            Ok(())
        })?;
        held.keep();
        Ok(described)
    }
}

fn refuse_histograms(labels: &Labels, samples: &SampleBuffer) -> Result<(), QueryError> {
    if samples.histograms.is_empty() {
        return Ok(());
    }
    Err(QueryError::execution(format!(
        "info metric {labels} has native histograms, info metrics must be floats"
    )))
}

/// The modifiers on the way to the first selector, the outermost first.
fn first_selector_path<'e>(expr: &'e Expr, path: &mut Vec<&'e TimeModifiers>) -> bool {
    match expr.kind() {
        ExprKind::Selector(selector) => {
            path.push(&selector.modifiers);
            true
        }
        ExprKind::Range(range) => {
            path.push(&range.selector.modifiers);
            true
        }
        ExprKind::Subquery(subquery) => {
            path.push(&subquery.modifiers);
            first_selector_path(&subquery.expr, path) || {
                path.pop();
                false
            }
        }
        _ => expr
            .children()
            .into_iter()
            .any(|child| first_selector_path(child, path)),
    }
}

/// The values of the identifying labels, unless all are missing.
fn identity(labels: &Labels) -> Option<[String; 2]> {
    let values = IDENTIFYING_LABELS.map(|name| labels.get(name).unwrap_or_default().to_owned());
    values.iter().any(|value| !value.is_empty()).then_some(values)
}

/// Adds the labels of info series to one element, which becomes several where those change over time.
fn enrich(
    element: &Element,
    column: &Column,
    described: &Described,
    request: &Request,
    results: &mut ElementSet<'_, '_>,
) -> Result<(), QueryError> {
    let mut parts: Vec<(Vec<usize>, Column)> = Vec::new();
    let mut current: Vec<usize> = Vec::new();
    for step in column.any_present().iter() {
        newest_rows(described, step, &mut current)?;
        if current.is_empty() && request.drops_undescribed() {
            continue;
        }
        let known = parts.iter().position(|(rows, _)| *rows == current);
        let part = known.unwrap_or(parts.len());
        if known.is_none() {
            parts.push((current.clone(), Column::empty(column.steps())));
        }
        if let Some(cell) = column.cell(step) {
            parts[part].1.set_cell(step, cell);
        }
    }
    for (rows, column) in parts {
        let added = added_labels(described, &rows, request)?;
        let mut builder = element.labels.to_builder();
        for (name, value) in added {
            if element.labels.get(name).is_none_or(str::is_empty) {
                builder.set(name, value);
            }
        }
        let element = Element {
            labels: builder.finish(),
            drops_name: element.drops_name,
        };
        results.push(element, column)?;
    }
    Ok(())
}

/// The rows that describe the element at a step: of each info metric the one with the newest sample.
fn newest_rows(described: &Described, step: usize, current: &mut Vec<usize>) -> Result<(), QueryError> {
    current.clear();
    for (index, row) in described.rows.iter().enumerate() {
        let Some(time) = row.times.get(step) else { continue };
        let name = row.labels.metric_name();
        let rival = current
            .iter()
            .position(|other| described.rows[*other].labels.metric_name() == name);
        let Some(rival) = rival else {
            current.push(index);
            continue;
        };
        let other = &described.rows[current[rival]];
        let other_time = other.times.get(step).unwrap_or(f64::NEG_INFINITY);
        if time == other_time {
            return Err(QueryError::execution(format!(
                "found duplicate series for info metric: existing {}, new {}",
                other.labels, row.labels
            )));
        }
        if time > other_time {
            current[rival] = index;
        }
    }
    Ok(())
}

fn added_labels<'d>(
    described: &'d Described,
    rows: &[usize],
    request: &Request,
) -> Result<Vec<(&'d str, &'d str)>, QueryError> {
    let mut added: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        for (name, value) in &described.rows[*row].labels {
            if !request.adds(name) {
                continue;
            }
            match added.iter().find(|(other, _)| *other == name) {
                None => added.push((name, value)),
                Some((_, other)) if *other == value => {}
                Some(_) => {
                    return Err(QueryError::execution(format!(
                        "conflicting label: {name} has different values in two info metrics"
                    )));
                }
            }
        }
    }
    Ok(added)
}
