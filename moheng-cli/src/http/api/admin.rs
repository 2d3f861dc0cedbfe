//! `admin/...`: what only an administrator may do.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::http::error::{ApiError, ErrorKind};
use crate::http::server::Server;

/// `POST /api/v1/admin/moheng/snapshot`
pub(crate) async fn snapshot(State(server): State<Arc<Server>>) -> Result<Response, ApiError> {
    if !server.settings.enable_admin_api {
        return Err(ApiError::new(
            ErrorKind::Unavailable,
            "the admin API is off; start the server with --web.enable-admin-api",
        ));
    }
    Err(ApiError::internal("pending"))
}
