//! `admin/tsdb/delete_series` and `admin/tsdb/clean_tombstones`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use moheng_metrics::Matcher;
use moheng_tsdb::{Db, Error};

use super::selectors::{matchers, time_range};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::params::Params;
use crate::http::server::Server;

/// `/api/v1/admin/tsdb/delete_series`
pub(crate) async fn delete_series(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    server.require_admin()?;
    let (start_ms, end_ms) = time_range(&params)?;
    let selectors = params
        .all("match[]")
        .map(matchers)
        .collect::<Result<Vec<Vec<Matcher>>, ApiError>>()?;
    if selectors.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    change(&server, move |db| {
        for matchers in &selectors {
            db.delete(matchers, start_ms, end_ms)?;
        }
        Ok(())
    })
    .await
}

/// `/api/v1/admin/tsdb/clean_tombstones`
pub(crate) async fn clean_tombstones(State(server): State<Arc<Server>>) -> Result<StatusCode, ApiError> {
    server.require_admin()?;
    change(&server, |db| db.clean_tombstones().map(|_| ())).await
}

/// Changes the database on a thread that may block.
async fn change(
    server: &Server,
    change: impl FnOnce(&Db) -> Result<(), Error> + Send + 'static,
) -> Result<StatusCode, ApiError> {
    let db = Arc::clone(server.db()?);
    let changed = tokio::task::spawn_blocking(move || change(&db)).await;
    changed
        .map_err(|error| ApiError::internal(format!("the change failed: {error}")))?
        .map_err(|error| match error {
            Error::Unavailable(_) => ApiError::new(ErrorKind::Unavailable, error.to_string()),
            error => ApiError::internal(error.to_string()),
        })?;
    Ok(StatusCode::NO_CONTENT)
}
