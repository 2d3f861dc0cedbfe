//! The runner: executes scripts against the engine over a memory source.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::{
    AppendBatch, HistogramEntry, HistogramValue, MemorySource, Pattern, Sample, SampleSink, SeriesKey,
    SeriesSource, SystemClock,
};

use super::Point;
use super::compare::{compare_instant, compare_matrix};
use super::script::{Command, Eval, EvalTime, Expectation, LoadSeries, MessagePattern, Script, ScriptError};
use crate::{
    Annotations, Engine, EngineSettings, Expr, ExprKind, InstantQuery, InstantSample, ParserOptions,
    QueryError, QueryOutput, QueryValue, RangeQuery, SampleValue, Visitor, parse_with,
};

/// Functions whose value changes with the evaluation time even where all selectors are fixed by `@`.
const TIME_FUNCTIONS: [&str; 15] = [
    "time",
    "timestamp",
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
    "predict_linear",
    "start",
    "end",
    "range",
    "step",
];
const MINUTE_MS: i64 = 60_000;

/// A storage that scripts can run over.
pub trait TestStore: SeriesSource + SampleSink {}

impl<Store: SeriesSource + SampleSink> TestStore for Store {}

/// Runs scripts.
pub struct Runner {
    engine: Engine,
    /// Makes an empty storage.
    make_store: Box<dyn Fn() -> Box<dyn TestStore>>,
    store: Box<dyn TestStore>,
}

impl Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// What came out of a script.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many evaluations the script has.
    pub total: usize,
    /// How many came out as expected.
    pub passed: usize,
    /// What went wrong in the others.
    pub failures: Vec<Failure>,
}

/// An evaluation that did not come out as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The line of its `eval`, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// What was expected and what was got.
    pub message: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.query, self.message)
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// A runner over [`MemorySource`] with the settings that scripts are written for.
    pub fn new() -> Self {
        Self::with_settings(Self::script_settings())
    }

    /// A runner over [`MemorySource`] with other settings.
    pub fn with_settings(settings: EngineSettings) -> Self {
        Self::with_store(settings, || Box::new(MemorySource::new()))
    }

    /// A runner over any storage; `make_store` makes an empty one.
    pub fn with_store(
        settings: EngineSettings,
        make_store: impl Fn() -> Box<dyn TestStore> + 'static,
    ) -> Self {
        Self {
            engine: Engine::new(settings, Arc::new(SystemClock::new())),
            store: make_store(),
            make_store: Box::new(make_store),
        }
    }

    /// The settings that scripts are written for.
    pub fn script_settings() -> EngineSettings {
        EngineSettings {
            max_samples: 10_000_000,
            timeout: Duration::from_secs(100),
            delayed_name_removal: true,
            use_start_timestamps: true,
            parser: ParserOptions::everything(),
            ..EngineSettings::default()
        }
    }

    /// Runs a script; what it loads stays for the next one unless that clears.
    ///
    /// # Errors
    ///
    /// When the script cannot be read.
    pub fn run(&mut self, text: &str) -> Result<Report, ScriptError> {
        let script = Script::parse(text)?;
        let mut report = Report::default();
        for command in &script.commands {
            match command {
                Command::Clear => self.store = (self.make_store)(),
                Command::Load(series) => self.load(series),
                Command::Eval(eval) => {
                    report.total += 1;
                    match self.evaluate(eval) {
                        Ok(()) => report.passed += 1,
                        Err(message) => report.failures.push(Failure {
                            line: eval.line,
                            query: eval.query.clone(),
                            message,
                        }),
                    }
                }
            }
        }
        Ok(report)
    }

    fn load(&self, all: &[LoadSeries]) {
        let mut batch = AppendBatch::new();
        for series in all {
            let mut has_histogram = false;
            for sample in &series.samples {
                match &sample.value {
                    Point::Missing => {}
                    Point::Float(value) => {
                        if has_histogram {
                            // The floats of a batch are appended before its histograms.
                            self.append(&mut batch);
                            has_histogram = false;
                        }
                        batch.push_labels(&series.labels, sample.timestamp_ms, *value);
                        batch.set_start_timestamp_ms(sample.start_timestamp_ms);
                    }
                    Point::Histogram(histogram) => {
                        has_histogram = true;
                        batch.histograms.push(HistogramEntry {
                            series: SeriesKey::Labels(&series.labels),
                            timestamp_ms: sample.timestamp_ms,
                            start_timestamp_ms: sample.start_timestamp_ms,
                            value: HistogramValue::Float(histogram),
                        });
                    }
                }
            }
        }
        self.append(&mut batch);
    }

    fn append(&self, batch: &mut AppendBatch<'_>) {
        // Out of order samples are refused one by one, as scripts expect.
        let _ = self.store.append(batch);
        *batch = AppendBatch::new();
    }

    fn evaluate(&self, eval: &Eval) -> Result<(), String> {
        let result = match eval.time {
            EvalTime::Instant(time_ms) => self.instant(&eval.query, time_ms),
            EvalTime::Range(start_ms, end_ms, step_ms) => self.range(&eval.query, start_ms, end_ms, step_ms),
        };
        let failure = eval
            .expectations
            .iter()
            .find_map(|expectation| match expectation {
                Expectation::Fail(pattern) => Some(pattern),
                _ => None,
            });
        let output = match (result, failure) {
            (Err(error), Some(pattern)) if matches(pattern, &error.to_string()) => return Ok(()),
            (Err(error), _) => return Err(format!("fails: {error}")),
            (Ok(_), Some(pattern)) => return Err(format!("succeeds, expected failure {pattern:?}")),
            (Ok(output), None) => output,
        };
        check_annotations(eval, &output.annotations)?;
        match eval.time {
            EvalTime::Range(start_ms, _, step_ms) => match &output.value {
                QueryValue::Matrix(matrix) => compare_matrix(&eval.series, matrix, start_ms, step_ms),
                other => Err(format!("unexpected kind of result: {other:?}")),
            },
            EvalTime::Instant(time_ms) => self.check_instant(eval, time_ms, &output.value),
        }
    }

    fn check_instant(&self, eval: &Eval, time_ms: i64, value: &QueryValue) -> Result<(), String> {
        for expectation in &eval.expectations {
            match (expectation, value) {
                (Expectation::RangeVector(start_ms, _, step_ms), QueryValue::Matrix(matrix)) => {
                    return compare_matrix(&eval.series, matrix, *start_ms, *step_ms);
                }
                (Expectation::Text(expected), QueryValue::String { value, .. }) if expected == value => {
                    return Ok(());
                }
                (Expectation::RangeVector(..) | Expectation::Text(_), other) => {
                    return Err(format!("unexpected result: {other:?}"));
                }
                _ => {}
            }
        }
        let is_ordered = eval
            .expectations
            .iter()
            .any(|expectation| matches!(expectation, Expectation::Ordered));
        compare_instant(eval, value, is_ordered)?;
        self.check_fixed(eval, time_ms)?;
        self.check_as_range(eval, time_ms)
    }

    /// With `@` at every selector the result is the same at any evaluation time.
    fn check_fixed(&self, eval: &Eval, time_ms: i64) -> Result<(), String> {
        let Ok(expr) = parse_with(&eval.query, ParserOptions::everything()) else {
            return Ok(());
        };
        let mut finder = SelectorFinder::default();
        finder.visit(&expr);
        if finder.depends_on_time {
            return Ok(());
        }
        let mut query = eval.query.clone();
        finder.unfixed_ends.sort_unstable();
        for end in finder.unfixed_ends.iter().rev() {
            query.insert_str(*end, &format!(" @ {}", time_ms as f64 / 1000.0));
        }
        for other_ms in [-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms] {
            let at = |message: String| format!("as {query:?} at {other_ms} ms: {message}");
            let output = self
                .instant(&query, other_ms)
                .map_err(|error| at(error.to_string()))?;
            compare_instant(eval, &output.value, false).map_err(at)?;
        }
        Ok(())
    }

    /// The middle step of a range query has the same result.
    fn check_as_range(&self, eval: &Eval, time_ms: i64) -> Result<(), String> {
        let reads_range = ["start()", "end()", "range()", "step()"]
            .iter()
            .any(|call| eval.query.contains(call));
        if reads_range {
            return Ok(());
        }
        let as_range = |message: String| format!("as range query: {message}");
        let output = self
            .range(&eval.query, time_ms - MINUTE_MS, time_ms + MINUTE_MS, MINUTE_MS)
            .map_err(|error| as_range(error.to_string()))?;
        let QueryValue::Matrix(matrix) = output.value else {
            return Err(as_range("not a matrix".to_owned()));
        };
        let middle = |series: &crate::RangeSeries| {
            let float = series
                .samples
                .iter()
                .find(|sample| sample.timestamp_ms == time_ms);
            let histogram = series
                .histograms
                .iter()
                .find(|sample| sample.timestamp_ms == time_ms);
            let value = match (float, histogram) {
                (Some(sample), _) => SampleValue::Float(sample.value),
                (None, Some(sample)) => SampleValue::Histogram(Arc::clone(&sample.histogram)),
                (None, None) => return None,
            };
            Some(InstantSample {
                labels: series.labels.clone(),
                timestamp_ms: time_ms,
                value,
            })
        };
        let elements: Vec<InstantSample> = matrix.iter().filter_map(middle).collect();
        let value = match (eval.scalar, elements.as_slice()) {
            (Some(_), [element]) => QueryValue::Scalar(Sample {
                timestamp_ms: time_ms,
                value: element.value.as_float().unwrap_or(f64::NAN),
            }),
            _ => QueryValue::Vector(elements),
        };
        compare_instant(eval, &value, false).map_err(as_range)
    }

    fn instant(&self, query: &str, time_ms: i64) -> Result<QueryOutput, QueryError> {
        self.engine
            .instant(&*self.store, &InstantQuery::new(query, time_ms))
    }

    fn range(
        &self,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryOutput, QueryError> {
        self.engine
            .range(&*self.store, &RangeQuery::new(query, start_ms, end_ms, step_ms))
    }
}

/// Finds where `@` can be added.
#[derive(Default)]
struct SelectorFinder {
    unfixed_ends: Vec<usize>,
    depends_on_time: bool,
}

impl Visitor for SelectorFinder {
    fn visit(&mut self, expr: &Expr) {
        let modifiers = match expr.kind() {
            ExprKind::Selector(selector) => &selector.modifiers,
            ExprKind::Range(range) => &range.selector.modifiers,
            ExprKind::Subquery(subquery) => &subquery.modifiers,
            ExprKind::Call(call) => {
                self.depends_on_time |= TIME_FUNCTIONS.contains(&call.function.name());
                // The matchers of info() are no selector of their own.
                let selecting = if call.function.is_info() { 1 } else { usize::MAX };
                for argument in call.arguments.iter().take(selecting) {
                    self.visit(argument);
                }
                return;
            }
            _ => {
                self.visit_children(expr);
                return;
            }
        };
        if modifiers.at.is_none() {
            self.unfixed_ends.push(expr.span().end as usize);
        }
        if matches!(expr.kind(), ExprKind::Subquery(_)) {
            // What is inside a fixed subquery is fixed by it, but may still ask for the time.
            let mut inside = Self::default();
            inside.visit_children(expr);
            self.depends_on_time |= inside.depends_on_time;
        }
    }
}

fn check_annotations(eval: &Eval, annotations: &Annotations) -> Result<(), String> {
    let mut warnings = Vec::new();
    let mut infos = Vec::new();
    for expectation in &eval.expectations {
        match expectation {
            Expectation::Warn(pattern) => warnings.push(pattern),
            Expectation::Info(pattern) => infos.push(pattern),
            Expectation::NoWarn if !annotations.warnings.is_empty() => {
                return Err(format!("unexpected warnings {:?}", annotations.warnings));
            }
            Expectation::NoInfo if !annotations.infos.is_empty() => {
                return Err(format!("unexpected infos {:?}", annotations.infos));
            }
            _ => {}
        }
    }
    check_messages(&warnings, &annotations.warnings)?;
    check_messages(&infos, &annotations.infos)
}

/// Every pattern must be met, and once there is one, every message must meet one.
fn check_messages(patterns: &[&MessagePattern], messages: &[String]) -> Result<(), String> {
    if patterns.is_empty() {
        return Ok(());
    }
    for pattern in patterns {
        if !messages.iter().any(|message| matches(pattern, message)) {
            return Err(format!("expected {pattern:?}, got {messages:?}"));
        }
    }
    let is_unexpected = |message: &&String| !patterns.iter().any(|pattern| matches(pattern, message));
    match messages.iter().find(is_unexpected) {
        Some(message) => Err(format!("unexpected annotation {message:?}")),
        None => Ok(()),
    }
}

fn matches(pattern: &MessagePattern, message: &str) -> bool {
    match pattern {
        MessagePattern::Any => true,
        MessagePattern::Text(text) => text == message,
        MessagePattern::Regex(regex) => {
            Pattern::new(&format!(".*(?:{regex}).*")).is_ok_and(|pattern| pattern.is_match(message))
        }
    }
}
