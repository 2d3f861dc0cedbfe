//! [`Engine`]: from the text of a query to its answer.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;
use moheng_metrics::{Clock, Labels, MemorySource, Sample, SeriesSource};

use super::annotations::Annotator;
use super::column::Cell;
use super::element::{Element, ElementSet, without_metadata};
use super::fetch::FetchTable;
use super::grid::Grid;
use super::limits::{CancelToken, Limits, histogram_samples};
use super::settings::{EngineSettings, InstantQuery, RangeQuery};
use super::{Evaluator, QueryContext, Recorder};
use crate::ast::{Expr, ExprKind, ValueType};
use crate::error::QueryError;
use crate::plan::{Plan, fold, propagate};
use crate::syntax::{MAX_TIME_MS, parse_with};
use crate::value::{HistogramSample, InstantSample, QueryOutput, QueryValue, RangeSeries, SampleValue};

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
/// assert_eq!(elements[0].value.as_float(), Some(2.0));
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
        Ok(self.answer(source, &Run::of_instant(query), false)?.0)
    }

    /// Evaluates a query at evenly spaced times.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn range(&self, source: &dyn SeriesSource, query: &RangeQuery) -> Result<QueryOutput, QueryError> {
        Ok(self.answer(source, &Run::of_range(query)?, false)?.0)
    }

    /// How a query for one time would be evaluated.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use moheng_metrics::SystemClock;
    /// use moheng_promql::{Engine, EngineSettings, InstantQuery};
    ///
    /// let engine = Engine::new(EngineSettings::default(), Arc::new(SystemClock::new()));
    /// let plan = engine.explain_instant(&InstantQuery::new("sum(up) / (2 * 3)", 0))?;
    /// assert_eq!(
    ///     plan.to_string(),
    ///     "/\n  sum\n    up  [-299999 ms to 0 ms]\n  6  [constant]\n"
    /// );
    /// # Ok::<(), moheng_promql::QueryError>(())
    /// ```
    pub fn explain_instant(&self, query: &InstantQuery) -> Result<Plan, QueryError> {
        self.explain(&Run::of_instant(query))
    }

    /// How a query for evenly spaced times would be evaluated.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn explain_range(&self, query: &RangeQuery) -> Result<Plan, QueryError> {
        self.explain(&Run::of_range(query)?)
    }

    /// Evaluates a query at one time and measures what every part of it takes.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn analyze_instant(
        &self,
        source: &dyn SeriesSource,
        query: &InstantQuery,
    ) -> Result<(QueryOutput, Plan), QueryError> {
        self.answer(source, &Run::of_instant(query), true)
    }

    /// Evaluates a query at evenly spaced times and measures what every part of it takes.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub fn analyze_range(
        &self,
        source: &dyn SeriesSource,
        query: &RangeQuery,
    ) -> Result<(QueryOutput, Plan), QueryError> {
        self.answer(source, &Run::of_range(query)?, true)
    }

    fn explain(&self, run: &Run<'_>) -> Result<Plan, QueryError> {
        let nothing = MemorySource::new();
        let (evaluator, expr, grid) = self.prepare(&nothing, run)?;
        Ok(Plan::new(&evaluator, &expr, &grid))
    }

    /// Evaluates a query; the plan is empty of measurements unless the query is analyzed.
    fn answer(
        &self,
        source: &dyn SeriesSource,
        run: &Run<'_>,
        is_analyzed: bool,
    ) -> Result<(QueryOutput, Plan), QueryError> {
        let (mut evaluator, expr, grid) = self.prepare(source, run)?;
        let mut plan = Plan::default();
        if is_analyzed {
            evaluator.recorder = Some(Recorder::default());
        }
        let value = {
            let _held = evaluator.limits.hold(grid.steps)?;
            if run.counts_samples_per_step {
                evaluator.statistics.get_mut().queryable_samples_per_step = vec![0; grid.steps];
            }
            if run.is_range {
                evaluator.range_value(&expr, &grid)?
            } else {
                evaluator.instant_value(&expr, &grid)?
            }
        };
        if is_analyzed {
            plan = Plan::new(&evaluator, &expr, &grid);
        }
        let mut statistics = evaluator.statistics.take();
        statistics.peak_samples = evaluator.limits.peak_samples();
        statistics.peak_bytes = evaluator.limits.peak_bytes();
        statistics.queryable_samples = statistics.queryable_samples_per_step.iter().sum();
        let output = QueryOutput {
            value,
            annotations: evaluator.annotator.into_inner().finish(),
            statistics,
        };
        Ok((output, plan))
    }

    /// Parses, folds and plans a query.
    fn prepare<'q>(
        &'q self,
        source: &'q dyn SeriesSource,
        run: &Run<'q>,
    ) -> Result<(Evaluator<'q>, Expr, Grid), QueryError> {
        let settings = &self.settings;
        let expr = parse_with(run.query, settings.parser)?;
        let is_possible = |time_ms: i64| (-MAX_TIME_MS..=MAX_TIME_MS).contains(&time_ms);
        let lookback_ms = run.lookback_ms.unwrap_or(settings.lookback_delta_ms);
        if !is_possible(run.start_ms) || !is_possible(run.end_ms) || !is_possible(lookback_ms) {
            return Err(QueryError::execution("query time out of range"));
        }
        let timeout = run.timeout.unwrap_or(settings.timeout).min(settings.timeout);
        let query = QueryContext {
            start_ms: run.start_ms,
            end_ms: run.end_ms,
            step_ms: run.step_ms,
            lookback_ms,
            default_step_ms: settings.default_step_ms.max(1),
            delays_name_removal: settings.delayed_name_removal,
            uses_start_timestamps: settings.use_start_timestamps,
            counts_samples_per_step: run.counts_samples_per_step,
            threads: settings.threads.max(1),
        };
        let limits = Limits::new(
            &*self.clock,
            timeout,
            run.cancel,
            settings.max_samples,
            settings.max_memory_bytes,
        );
        let mut evaluator = Evaluator {
            source,
            query,
            limits,
            annotator: RefCell::new(Annotator::new(run.query)),
            statistics: RefCell::default(),
            fetches: FetchTable::default(),
            subquery_depth: std::cell::Cell::new(0),
            reads_statistics: std::cell::Cell::new(false),
            recorder: None,
        };
        let mut expr = fold(expr, &evaluator.query);
        propagate(&mut expr);
        let grid = Grid::new(run.start_ms, run.end_ms, run.step_ms);
        evaluator.fetches = FetchTable::plan(&evaluator, &expr, &grid);
        Ok((evaluator, expr, grid))
    }
}

struct Run<'r> {
    query: &'r str,
    is_range: bool,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    lookback_ms: Option<i64>,
    timeout: Option<Duration>,
    cancel: &'r CancelToken,
    counts_samples_per_step: bool,
}

impl<'r> Run<'r> {
    fn of_instant(query: &'r InstantQuery) -> Self {
        Self {
            query: &query.query,
            is_range: false,
            start_ms: query.time_ms,
            end_ms: query.time_ms,
            step_ms: 0,
            lookback_ms: query.lookback_delta_ms,
            timeout: query.timeout,
            cancel: &query.cancel,
            counts_samples_per_step: query.counts_samples_per_step,
        }
    }

    fn of_range(query: &'r RangeQuery) -> Result<Self, QueryError> {
        if query.step_ms <= 0 {
            return Err(QueryError::execution(
                "the step of a range query must be positive",
            ));
        }
        Ok(Self {
            query: &query.query,
            is_range: true,
            start_ms: query.start_ms,
            end_ms: query.end_ms,
            step_ms: query.step_ms,
            lookback_ms: query.lookback_delta_ms,
            timeout: query.timeout,
            cancel: &query.cancel,
            counts_samples_per_step: query.counts_samples_per_step,
        })
    }
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
                    column.cell(0).map(|cell| InstantSample {
                        labels: element.labels.clone(),
                        timestamp_ms,
                        value: match cell {
                            Cell::Float(value) => SampleValue::Float(value),
                            Cell::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
                        },
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
                let series = (!samples.is_empty()).then(|| RangeSeries {
                    labels: Labels::empty(),
                    samples,
                    histograms: Vec::new(),
                });
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
            set.push(Element::new(finished_labels(element)), std::mem::take(column))
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
            let histograms: Vec<HistogramSample> = column
                .histograms()
                .map(|(step, histogram)| HistogramSample {
                    timestamp_ms: grid.time_ms(step),
                    histogram: Arc::clone(histogram),
                })
                .collect();
            held.add(samples.len() + samples_of(&histograms))?;
            matrix.push(RangeSeries {
                labels: finished_labels(element),
                samples,
                histograms,
            });
            Ok(())
        })?;
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        // Dropping names can make one series of several.
        let mut collides = false;
        matrix.dedup_by(|later, kept| {
            let is_same = later.labels == kept.labels;
            if is_same {
                collides |= !append_series(kept, later);
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
            let pairs = samples.floats.timestamps_ms.iter().zip(&samples.floats.values);
            let floats: Vec<Sample> = pairs
                .map(|(timestamp_ms, value)| Sample {
                    timestamp_ms: *timestamp_ms,
                    value: *value,
                })
                .collect();
            let histograms: Vec<HistogramSample> = samples
                .histograms
                .iter()
                .map(|(timestamp_ms, histogram)| HistogramSample {
                    timestamp_ms,
                    histogram: Arc::new(histogram.to_float()),
                })
                .collect();
            held.add(floats.len() + samples_of(&histograms))?;
            if !samples.is_empty() {
                matrix.push(RangeSeries {
                    labels: finished_labels(element),
                    samples: floats,
                    histograms,
                });
            }
            Ok(())
        })?;
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(QueryValue::Matrix(matrix))
    }
}

/// As how many samples histograms count.
fn samples_of(histograms: &[HistogramSample]) -> usize {
    let weights = histograms
        .iter()
        .map(|sample| histogram_samples(sample.histogram.view()));
    weights.sum()
}

/// Moves the samples of `later` into `kept`; tells whether they are all at different times.
fn append_series(kept: &mut RangeSeries, later: &mut RangeSeries) -> bool {
    kept.samples.append(&mut later.samples);
    kept.samples.sort_by_key(|sample| sample.timestamp_ms);
    kept.histograms.append(&mut later.histograms);
    kept.histograms.sort_by_key(|sample| sample.timestamp_ms);
    let floats = kept.samples.iter().map(|sample| sample.timestamp_ms);
    let mut times: Vec<i64> = floats
        .chain(kept.histograms.iter().map(|sample| sample.timestamp_ms))
        .collect();
    times.sort_unstable();
    times.is_sorted_by(|before, after| before < after)
}

fn finished_labels(element: Element) -> Labels {
    if element.drops_name {
        without_metadata(&element.labels)
    } else {
        element.labels
    }
}
