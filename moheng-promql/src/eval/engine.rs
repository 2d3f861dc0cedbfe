//! [`Engine`]: from the text of a query to its answer.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;
use moheng_metrics::{Clock, Labels, Sample, SeriesSource};

use super::annotations::Annotator;
use super::element::{Element, ElementSet, without_metadata};
use super::grid::Grid;
use super::limits::{CancelToken, Limits};
use super::settings::{EngineSettings, InstantQuery, RangeQuery};
use super::{Evaluator, QueryContext};
use crate::ast::{Expr, ExprKind, ValueType};
use crate::error::QueryError;
use crate::syntax::{MAX_TIME_MS, parse_with};
use crate::value::{InstantSample, QueryOutput, QueryValue, RangeSeries, Statistics};

/// Answers queries over any [`SeriesSource`].
///
/// The engine holds no state between queries and is used from many threads at once.
///
/// ```
/// use std::sync::Arc;
/// use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink, SystemClock};
/// use moheng_promql::{Engine, EngineSettings, InstantQuery, QueryValue};
///
/// let store = MemorySource::new();
/// let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
/// let mut batch = AppendBatch::new();
/// batch.push_labels(&labels, 15_000, 1.0);
/// store.append(&batch)?;
///
/// let engine = Engine::new(EngineSettings::default(), Arc::new(SystemClock::new()));
/// let output = engine.instant(&store, &InstantQuery::new("sum by (job) (up) * 2", 20_000))?;
/// let QueryValue::Vector(elements) = output.value else { panic!("a vector") };
/// assert_eq!(elements[0].labels.to_string(), r#"{job="node"}"#);
/// assert_eq!(elements[0].sample.value, 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    settings: EngineSettings,
    clock: Arc<dyn Clock>,
}

impl Engine {
    /// An engine whose deadlines run on `clock`.
    pub fn new(settings: EngineSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }

    /// What the engine is set to.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn instant(
        &self,
        source: &dyn SeriesSource,
        query: &InstantQuery,
    ) -> Result<QueryOutput, QueryError> {
        let run = Run {
            query: &query.query,
            start_ms: query.time_ms,
            end_ms: query.time_ms,
            step_ms: 0,
            lookback_ms: query.lookback_delta_ms,
            timeout: query.timeout,
            cancel: &query.cancel,
        };
        self.run(source, &run, |evaluator, expr, grid| {
            evaluator.instant_value(expr, grid)
        })
    }

    /// Evaluates a query at evenly spaced times.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn range(&self, source: &dyn SeriesSource, query: &RangeQuery) -> Result<QueryOutput, QueryError> {
        if query.step_ms <= 0 {
            return Err(QueryError::execution(
                "the step of a range query must be positive",
            ));
        }
        let run = Run {
            query: &query.query,
            start_ms: query.start_ms,
            end_ms: query.end_ms,
            step_ms: query.step_ms,
            lookback_ms: query.lookback_delta_ms,
            timeout: query.timeout,
            cancel: &query.cancel,
        };
        self.run(source, &run, |evaluator, expr, grid| {
            evaluator.range_value(expr, grid)
        })
    }

    fn run(
        &self,
        source: &dyn SeriesSource,
        run: &Run<'_>,
        evaluate: impl FnOnce(&Evaluator<'_>, &Expr, &Grid) -> Result<QueryValue, QueryError>,
    ) -> Result<QueryOutput, QueryError> {
        let expr = parse_with(run.query, self.settings.parser)?;
        let is_possible = |time_ms: i64| (-MAX_TIME_MS..=MAX_TIME_MS).contains(&time_ms);
        let lookback_ms = run.lookback_ms.unwrap_or(self.settings.lookback_delta_ms);
        if !is_possible(run.start_ms) || !is_possible(run.end_ms) || !is_possible(lookback_ms) {
            return Err(QueryError::execution("query time out of range"));
        }
        let timeout = run
            .timeout
            .unwrap_or(self.settings.timeout)
            .min(self.settings.timeout);
        let evaluator = Evaluator {
            source,
            query: QueryContext {
                start_ms: run.start_ms,
                end_ms: run.end_ms,
                step_ms: run.step_ms,
                lookback_ms,
                default_step_ms: self.settings.default_step_ms.max(1),
                delays_name_removal: self.settings.delayed_name_removal,
            },
            limits: Limits::new(&*self.clock, timeout, run.cancel, self.settings.max_samples),
            annotator: RefCell::new(Annotator::new(run.query)),
            statistics: Cell::new(Statistics::default()),
        };
        let grid = Grid::new(run.start_ms, run.end_ms, run.step_ms);
        let value = {
            let _held = evaluator.limits.hold(grid.steps)?;
            evaluate(&evaluator, &expr, &grid)?
        };
        let mut statistics = evaluator.statistics.get();
        statistics.peak_samples = evaluator.limits.peak_samples();
        Ok(QueryOutput {
            value,
            annotations: evaluator.annotator.into_inner().finish(),
            statistics,
        })
    }
}

struct Run<'r> {
    query: &'r str,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    lookback_ms: Option<i64>,
    timeout: Option<Duration>,
    cancel: &'r CancelToken,
}

impl Evaluator<'_> {
    fn instant_value(&self, expr: &Expr, grid: &Grid) -> Result<QueryValue, QueryError> {
        let timestamp_ms = grid.start_ms;
        match expr.value_type() {
            ValueType::String => Ok(QueryValue::String {
                timestamp_ms,
                value: match expr.without_parens().kind() {
                    ExprKind::String(text) => text.clone(),
                    _ => String::new(),
                },
            }),
            ValueType::Scalar => Ok(QueryValue::Scalar(Sample {
                timestamp_ms,
                value: self.scalars(expr, grid)?.at(0),
            })),
            ValueType::InstantVector => {
                let set = self.finished_set(expr, grid)?;
                let elements = set.rows.iter().filter_map(|(element, column)| {
                    column.get(0).map(|value| InstantSample {
                        labels: element.labels.clone(),
                        sample: Sample { timestamp_ms, value },
                    })
                });
                Ok(QueryValue::Vector(elements.collect()))
            }
            ValueType::RangeVector => self.raw_ranges(expr, grid),
        }
    }

    fn range_value(&self, expr: &Expr, grid: &Grid) -> Result<QueryValue, QueryError> {
        match expr.value_type() {
            ValueType::Scalar => {
                let scalars = self.scalars(expr, grid)?;
                let samples: Vec<Sample> = (0..grid.steps)
                    .map(|step| Sample {
                        timestamp_ms: grid.time_ms(step),
                        value: scalars.at(step),
                    })
                    .collect();
                let labels = Labels::empty();
                let series = (!samples.is_empty()).then_some(RangeSeries { labels, samples });
                Ok(QueryValue::Matrix(series.into_iter().collect()))
            }
            ValueType::InstantVector => self.matrix(expr, grid),
            other => Err(QueryError::execution(format!(
                "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                other.as_str()
            ))),
        }
    }

    /// The elements of a whole instant query, pending names dropped.
    fn finished_set(&self, expr: &Expr, grid: &Grid) -> Result<ElementSet<'_, '_>, QueryError> {
        let mut set = ElementSet::new(self)?;
        self.stream(expr, grid, &mut |element, column| {
            set.push(Element::new(finished_labels(element)), column.clone())
        })?;
        let mut seen = HashSet::with_capacity(set.rows.len());
        if !set
            .rows
            .iter()
            .all(|(element, _)| seen.insert(element.labels.clone()))
        {
            set.merge_same_labels()?;
        }
        Ok(set)
    }

    /// The series of a whole range query, pending names dropped, ascending by labels.
    fn matrix(&self, expr: &Expr, grid: &Grid) -> Result<QueryValue, QueryError> {
        let mut held = self.limits.hold(0)?;
        let mut matrix: Vec<RangeSeries> = Vec::new();
        self.stream(expr, grid, &mut |element, column| {
            let mut samples = Vec::with_capacity(column.present().count());
            column.for_each(|step, value| {
                samples.push(Sample {
                    timestamp_ms: grid.time_ms(step),
                    value,
                });
            });
            held.add(samples.len())?;
            matrix.push(RangeSeries {
                labels: finished_labels(element),
                samples,
            });
            Ok(())
        })?;
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        // Dropping names can make one series of several.
        let mut collides = false;
        matrix.dedup_by(|later, kept| {
            let is_same = later.labels == kept.labels;
            if is_same {
                kept.samples.append(&mut later.samples);
                kept.samples.sort_by_key(|sample| sample.timestamp_ms);
                collides |= !kept
                    .samples
                    .is_sorted_by(|before, after| before.timestamp_ms < after.timestamp_ms);
            }
            is_same
        });
        if collides {
            return Err(QueryError::same_labelset());
        }
        Ok(QueryValue::Matrix(matrix))
    }

    /// The samples of a range vector at one time.
    fn raw_ranges(&self, expr: &Expr, grid: &Grid) -> Result<QueryValue, QueryError> {
        let windows = self.range_windows(expr, grid)?;
        let mut held = self.limits.hold(0)?;
        let mut matrix = Vec::new();
        self.read_ranges(expr, "", &windows, &mut |element, samples| {
            held.add(samples.len())?;
            let labels = finished_labels(element);
            let pairs = samples.timestamps_ms.iter().zip(&samples.values);
            let samples: Vec<Sample> = pairs
                .map(|(timestamp_ms, value)| Sample {
                    timestamp_ms: *timestamp_ms,
                    value: *value,
                })
                .collect();
            if !samples.is_empty() {
                matrix.push(RangeSeries { labels, samples });
            }
            Ok(())
        })?;
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(QueryValue::Matrix(matrix))
    }
}

fn finished_labels(element: Element) -> Labels {
    if element.drops_name {
        without_metadata(&element.labels)
    } else {
        element.labels
    }
}
