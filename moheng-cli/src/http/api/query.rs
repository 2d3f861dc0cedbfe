//! `query` and `query_range`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use moheng_metrics::SeriesSource;
use moheng_promql::{
    CancelToken, Engine, InstantQuery, QueryError, QueryOutput, QueryValue, RangeQuery, Statistics, ValueType,
};

use super::{answer, truncate, wire};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::params::Params;
use crate::http::server::Server;

/// How many points a range query may ask of each series.
const POINT_LIMIT: i64 = 11_000;

/// `/api/v1/query`
pub(crate) async fn instant_query(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let time_ms = params.time_ms("time")?.unwrap_or_else(|| server.clock.now_ms());
    let mut query = InstantQuery::new(params.get("query").unwrap_or_default(), time_ms);
    query.lookback_delta_ms = lookback_delta(&params)?;
    query.counts_samples_per_step = params.get("stats").is_some();
    let times = StepTimes {
        start_ms: time_ms,
        step_ms: 0,
    };
    run(server, params, times, move |engine, source, limits| {
        query.timeout = Some(limits.timeout);
        query.cancel = limits.cancel;
        engine.instant(source, &query)
    })
    .await
}

/// `/api/v1/query_range`
pub(crate) async fn range_query(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let start_ms = params.required_time_ms("start")?;
    let end_ms = params.required_time_ms("end")?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data(
            "invalid parameter \"end\": it is before \"start\"",
        ));
    }
    let step_ms = params
        .duration_ms("step")?
        .ok_or_else(|| ApiError::bad_data("invalid parameter \"step\": it is missing"))?;
    if step_ms <= 0 {
        return Err(ApiError::bad_data(
            "invalid parameter \"step\": it must be longer than zero",
        ));
    }
    let points = end_ms.checked_sub(start_ms).map(|range_ms| range_ms / step_ms);
    if points.is_none_or(|points| points > POINT_LIMIT) {
        return Err(ApiError::bad_data(
            "more than 11,000 points per series are asked for; choose a longer step or a shorter range",
        ));
    }
    let text = params.get("query").unwrap_or_default();
    check_range_type(&server.engine, text)?;
    let mut query = RangeQuery::new(text, start_ms, end_ms, step_ms);
    query.lookback_delta_ms = lookback_delta(&params)?;
    query.counts_samples_per_step = params.get("stats").is_some();
    let times = StepTimes { start_ms, step_ms };
    run(server, params, times, move |engine, source, limits| {
        query.timeout = Some(limits.timeout);
        query.cancel = limits.cancel;
        engine.range(source, &query)
    })
    .await
}

/// Refuses expressions that have no value to draw over time.
fn check_range_type(engine: &Engine, text: &str) -> Result<(), ApiError> {
    let expression = moheng_promql::parse_with(text, engine.settings().parser).map_err(QueryError::from)?;
    match expression.value_type() {
        ValueType::Scalar | ValueType::InstantVector => Ok(()),
        other => Err(ApiError::bad_data(format!(
            "invalid parameter \"query\": invalid expression type \"{}\" for range query, \
             must be scalar or instant vector",
            other.as_str()
        ))),
    }
}

fn lookback_delta(params: &Params) -> Result<Option<i64>, ApiError> {
    match params.duration_ms("lookback_delta")? {
        Some(lookback_ms) if lookback_ms <= 0 => Err(ApiError::bad_data(
            "invalid parameter \"lookback_delta\": it must be longer than zero",
        )),
        lookback_ms => Ok(lookback_ms),
    }
}

/// What ends a query early.
struct Limits {
    timeout: Duration,
    cancel: CancelToken,
}

/// Stops a query when nobody waits for it any longer.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The times a query is evaluated at.
#[derive(Clone, Copy)]
struct StepTimes {
    start_ms: i64,
    step_ms: i64,
}

/// How long the parts of a query took.
struct Timings {
    queued: Duration,
    evaluated: Duration,
}

/// Waits for a slot, evaluates on a thread that may block, and answers.
async fn run(
    server: Arc<Server>,
    params: Params,
    times: StepTimes,
    evaluate: impl FnOnce(&Engine, &dyn SeriesSource, Limits) -> Result<QueryOutput, QueryError> + Send + 'static,
) -> Result<Response, ApiError> {
    let limit = params.limit("limit")?;
    let timeout = query_timeout(&server, &params)?;
    let db = Arc::clone(server.db()?);
    let queued_at = server.clock.monotonic();
    let slot = server.query_slot(timeout).await?;
    let started_at = server.clock.monotonic();
    let queued = started_at.saturating_sub(queued_at);
    let cancel = CancelToken::new();
    let guard = CancelOnDrop(cancel.clone());
    let limits = Limits {
        timeout: timeout.saturating_sub(queued),
        cancel,
    };
    let evaluator = Arc::clone(&server);
    let output = tokio::task::spawn_blocking(move || {
        let output = evaluate(&evaluator.engine, db.as_ref(), limits);
        drop(slot);
        output
    })
    .await
    .map_err(|error| ApiError::internal(format!("the query failed: {error}")))?;
    drop(guard);
    let timings = Timings {
        queued,
        evaluated: server.clock.monotonic().saturating_sub(started_at),
    };
    server.statistics.count_query(timings.queued, timings.evaluated);
    let output = output?;
    server.statistics.samples_read.add(output.statistics.samples_read);
    Ok(respond(&params, limit, output, times, &timings))
}

fn respond(
    params: &Params,
    limit: Option<usize>,
    output: QueryOutput,
    times: StepTimes,
    timings: &Timings,
) -> Response {
    let QueryOutput {
        mut value,
        mut annotations,
        statistics,
        ..
    } = output;
    let cut = match &mut value {
        QueryValue::Vector(samples) => truncate(samples, limit),
        QueryValue::Matrix(series) => truncate(series, limit),
        _ => moheng_promql::Annotations::default(),
    };
    annotations.warnings.extend(cut.warnings);
    let statistics = params.get("stats").map(|stats| {
        let per_step = (stats == "all").then_some(times);
        statistics_json(&statistics, per_step, timings)
    });
    answer(params.gzip, wire::query_data(value, statistics), annotations)
}

/// The timeout of the server, which a request may only shorten.
fn query_timeout(server: &Server, params: &Params) -> Result<Duration, ApiError> {
    let longest = server.settings.query_timeout;
    Ok(match params.duration_ms("timeout")? {
        Some(timeout_ms) => {
            let timeout_ms = u64::try_from(timeout_ms).unwrap_or_default();
            Duration::from_millis(timeout_ms).min(longest)
        }
        None => longest,
    })
}

/// With the times of the steps, what each step has seen is written too.
fn statistics_json(statistics: &Statistics, per_step: Option<StepTimes>, timings: &Timings) -> String {
    let queued = timings.queued.as_secs_f64();
    let evaluated = timings.evaluated.as_secs_f64();
    let total = queued + evaluated;
    let (queryable, read) = (statistics.queryable_samples, statistics.samples_read);
    let peak = statistics.peak_samples;
    let steps = per_step.map_or_else(String::new, |times| steps_json(statistics, times));
    format!(
        r#"{{"timings":{{"evalTotalTime":{evaluated},"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":{evaluated},"execQueueTime":{queued},"execTotalTime":{total}}},"samples":{{"totalQueryableSamples":{queryable},{steps}"samplesRead":{read},"peakSamples":{peak}}}}}"#
    )
}

/// `"totalQueryableSamplesPerStep":[[1700000000,3],...],`
fn steps_json(statistics: &Statistics, times: StepTimes) -> String {
    let mut out = String::from(r#""totalQueryableSamplesPerStep":["#);
    for (step, count) in statistics.queryable_samples_per_step.iter().enumerate() {
        out.push_str(if step > 0 { ",[" } else { "[" });
        wire::push_timestamp(times.start_ms + step as i64 * times.step_ms, &mut out);
        // Writing to a String does not fail.
        let _ = write!(out, ",{count}]");
    }
    out.push_str("],");
    out
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Parse(errors) => {
                return Self::bad_data(format!("invalid parameter \"query\": {errors}"));
            }
            QueryError::Timeout => ErrorKind::Timeout,
            QueryError::Canceled => ErrorKind::Canceled,
            QueryError::Storage(_) => ErrorKind::Internal,
            _ => ErrorKind::Execution,
        };
        Self::new(kind, error.to_string())
    }
}
