//! `query` and `query_range`.

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
    run(server, params, move |engine, source, limits| {
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
    check_range_type(text)?;
    let mut query = RangeQuery::new(text, start_ms, end_ms, step_ms);
    query.lookback_delta_ms = lookback_delta(&params)?;
    run(server, params, move |engine, source, limits| {
        query.timeout = Some(limits.timeout);
        query.cancel = limits.cancel;
        engine.range(source, &query)
    })
    .await
}

/// Refuses expressions that have no value to draw over time.
fn check_range_type(text: &str) -> Result<(), ApiError> {
    let expression = moheng_promql::parse(text).map_err(QueryError::from)?;
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

/// How long the parts of a query took.
struct Timings {
    queued: Duration,
    evaluated: Duration,
}

/// Waits for a slot, evaluates on a thread that may block, and answers.
async fn run(
    server: Arc<Server>,
    params: Params,
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
    Ok(respond(&params, limit, output, &timings))
}

fn respond(params: &Params, limit: Option<usize>, output: QueryOutput, timings: &Timings) -> Response {
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
    let statistics = params.get("stats").map(|_| statistics_json(&statistics, timings));
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

fn statistics_json(statistics: &Statistics, timings: &Timings) -> String {
    let queued = timings.queued.as_secs_f64();
    let evaluated = timings.evaluated.as_secs_f64();
    let total = queued + evaluated;
    let (read, peak) = (statistics.samples_read, statistics.peak_samples);
    format!(
        r#"{{"timings":{{"evalTotalTime":{evaluated},"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":{evaluated},"execQueueTime":{queued},"execTotalTime":{total}}},"samples":{{"totalQueryableSamples":{read},"samplesRead":{read},"peakSamples":{peak}}}}}"#
    )
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
