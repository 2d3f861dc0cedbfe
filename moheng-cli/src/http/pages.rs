//! Routes for people and probes: the start page, health, readiness, stopping.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::server::Server;

const STOPPING_HEADER: HeaderName = HeaderName::from_static("x-prometheus-stopping");

const INDEX: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>moheng</title></head>
<body>
<h1>moheng</h1>
<ul>
<li><a href=\"/api/v1/query?query=up\">/api/v1/query?query=up</a>: evaluate an expression at one time</li>
<li>/api/v1/query_range?query=up&amp;start=TIME&amp;end=TIME&amp;step=15s: evaluate it over a range</li>
<li><a href=\"/api/v1/series?match[]=up\">/api/v1/series?match[]=up</a>: series by selector</li>
<li><a href=\"/api/v1/labels\">/api/v1/labels</a>: label names</li>
<li><a href=\"/api/v1/label/__name__/values\">/api/v1/label/__name__/values</a>: values of a label</li>
<li><a href=\"/api/v1/targets\">/api/v1/targets</a>: what is scraped</li>
<li><a href=\"/api/v1/metadata\">/api/v1/metadata</a>: types and help texts of metrics</li>
<li><a href=\"/api/v1/status/buildinfo\">/api/v1/status/buildinfo</a>: versions</li>
<li><a href=\"/metrics\">/metrics</a>: metrics of this server</li>
<li><a href=\"/-/healthy\">/-/healthy</a>, <a href=\"/-/ready\">/-/ready</a>: probes</li>
</ul>
</body>
</html>
";

/// `/`
pub(super) async fn index() -> Response {
    let mut response = Response::new(Body::from(INDEX));
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// `/-/healthy`
pub(super) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

/// `/-/ready`
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Response {
    if server.is_ready() {
        "Prometheus Server is Ready.\n".into_response()
    } else {
        not_ready(&server)
    }
}

/// The answer of everything that needs the database while it is not open.
pub(super) fn not_ready(server: &Server) -> Response {
    let stopping = if server.is_stopping() { "true" } else { "false" };
    let headers = [(STOPPING_HEADER, stopping)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "Service Unavailable").into_response()
}

/// `POST /-/quit`
pub(super) async fn quit(State(server): State<Arc<Server>>) -> Response {
    if !server.settings.enable_lifecycle {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response();
    }
    server.stop();
    "Requesting termination... Goodbye!\n".into_response()
}

/// `POST /-/reload`
pub(super) async fn reload(State(server): State<Arc<Server>>) -> Response {
    if server.settings.enable_lifecycle {
        let message = "Reloading is not supported yet by this version of moheng; restart it instead.\n";
        (StatusCode::NOT_IMPLEMENTED, message).into_response()
    } else {
        (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response()
    }
}

/// Everything that is not a route.
pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}
