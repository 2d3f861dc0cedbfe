//! The table of routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use super::counted::CountedBody;
use super::server::Server;
use super::{api, metrics, pages};

/// All routes over `server`.
pub(crate) fn routes(server: &Arc<Server>) -> Router {
    let api = Router::new()
        .route("/query", get(api::instant_query).post(api::instant_query))
        .route("/query_range", get(api::range_query).post(api::range_query))
        .route(
            "/query_exemplars",
            get(api::query_exemplars).post(api::query_exemplars),
        )
        .route("/series", get(api::series).post(api::series))
        .route("/labels", get(api::label_names).post(api::label_names))
        .route(
            "/label/{name}/values",
            get(api::label_values).post(api::label_values),
        )
        .route("/targets", get(api::targets).post(api::targets))
        .route("/targets/metadata", get(api::target_metadata))
        .route("/metadata", get(api::metadata).post(api::metadata))
        .route("/status/buildinfo", get(api::build_info).post(api::build_info))
        .route("/status/tsdb", get(api::tsdb_status))
        .route(
            "/admin/tsdb/delete_series",
            post(api::delete_series).put(api::delete_series),
        )
        .route(
            "/admin/tsdb/clean_tombstones",
            post(api::clean_tombstones).put(api::clean_tombstones),
        )
        .route(
            "/admin/tsdb/snapshot",
            post(api::snapshot_blocks).put(api::snapshot_blocks),
        )
        .route("/admin/moheng/snapshot", post(api::snapshot))
        .layer(from_fn_with_state(Arc::clone(server), require_ready));
    Router::new()
        .nest("/api/v1", api)
        .route("/", get(pages::index))
        .route("/metrics", get(metrics::own_metrics))
        .route("/-/healthy", get(pages::healthy))
        .route("/-/ready", get(pages::ready))
        .route("/-/quit", post(pages::quit).put(pages::quit))
        .route("/-/reload", post(pages::reload).put(pages::reload))
        .layer(from_fn_with_state(Arc::clone(server), count))
        .fallback(pages::not_found)
        .with_state(Arc::clone(server))
}

/// Answers 503 until the database is open.
async fn require_ready(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if server.is_ready() {
        next.run(request).await
    } else {
        pages::not_ready(&server)
    }
}

/// Counts requests, their durations and the sizes of their answers.
async fn count(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let handler = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().replace('{', ":").replace('}', ""));
    let start: Duration = server.clock.monotonic();
    let response = next.run(request).await;
    let Some(handler) = handler else {
        return response;
    };
    let duration = server.clock.monotonic().saturating_sub(start);
    server
        .statistics
        .count_request(&handler, response.status().as_u16(), duration);
    response.map(|body| Body::new(CountedBody::new(body, handler, server)))
}
