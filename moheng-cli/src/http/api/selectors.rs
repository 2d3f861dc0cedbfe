//! What `series`, `labels` and label values have in common: `match[]`, a time range, a limit.

use std::sync::Arc;

use moheng_metrics::{Matcher, Select, SourceError};
use moheng_promql::ExprKind;
use moheng_tsdb::Db;

use crate::http::error::{ApiError, ErrorKind};
use crate::http::params::Params;
use crate::http::server::Server;

/// What to look at.
pub(super) struct Selection {
    /// One per `match[]`; without any, everything.
    pub(super) selects: Vec<Select>,
    pub(super) limit: Option<usize>,
}

/// Reads the parameters.
pub(super) fn selection(params: &Params) -> Result<Selection, ApiError> {
    let (start_ms, end_ms) = time_range(params)?;
    let selects = params
        .all("match[]")
        .map(|text| Ok(Select::new(matchers(text)?, start_ms, end_ms)))
        .collect::<Result<Vec<_>, ApiError>>()?;
    let limit = params.limit("limit")?;
    let everything = || vec![Select::new(Vec::new(), start_ms, end_ms)];
    Ok(Selection {
        selects: if selects.is_empty() { everything() } else { selects },
        limit,
    })
}

/// What `start` and `end` say; without them, all of time.
pub(super) fn time_range(params: &Params) -> Result<(i64, i64), ApiError> {
    let start_ms = params.time_ms("start")?.unwrap_or(i64::MIN);
    let end_ms = params.time_ms("end")?.unwrap_or(i64::MAX);
    if end_ms < start_ms {
        return Err(ApiError::bad_data(
            "invalid parameter \"end\": it is before \"start\"",
        ));
    }
    Ok((start_ms, end_ms))
}

/// The matchers of a `match[]`.
pub(super) fn matchers(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let matchers = selector(text, "match[]")?;
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(ApiError::bad_data(
            "invalid parameter \"match[]\": it must contain at least one non-empty matcher",
        ));
    }
    Ok(matchers)
}

/// The matchers of a selector in a parameter.
pub(super) fn selector(text: &str, parameter: &str) -> Result<Vec<Matcher>, ApiError> {
    let refuse = |reason: &dyn std::fmt::Display| {
        ApiError::bad_data(format!("invalid parameter \"{parameter}\": {reason}"))
    };
    let expression = moheng_promql::parse(text).map_err(|errors| refuse(&errors))?;
    let ExprKind::Selector(selector) = expression.kind() else {
        return Err(refuse(&"expected a selector such as up{job=\"node\"}"));
    };
    Ok(selector.all_matchers())
}

/// Reads from the database on a thread that may block.
pub(super) async fn read<T: Send + 'static>(
    server: &Server,
    read: impl FnOnce(&Db) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, ApiError> {
    let db = Arc::clone(server.db()?);
    let result = tokio::task::spawn_blocking(move || read(&db)).await;
    let result = result.map_err(|error| ApiError::internal(format!("reading failed: {error}")))?;
    result.map_err(|error| source_error(&error))
}

fn source_error(error: &SourceError) -> ApiError {
    let kind = match error {
        SourceError::Invalid(_) => ErrorKind::BadData,
        SourceError::LimitExceeded(_) => ErrorKind::Execution,
        SourceError::Unavailable(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    ApiError::new(kind, error.to_string())
}
