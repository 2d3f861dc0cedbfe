//! `admin/...`: what only an administrator may do.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use moheng_promql::Annotations;
use moheng_tsdb::backup::Snapshot;
use tracing::{info, warn};

use super::{answer, wire};
use crate::archive::write_archive;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::params::Params;
use crate::http::pipe::{PipeWriter, pipe};
use crate::http::server::Server;

/// `POST /api/v1/admin/moheng/snapshot`: a tar of a consistent point of the database.
pub(crate) async fn snapshot(State(server): State<Arc<Server>>) -> Result<Response, ApiError> {
    server.require_admin()?;
    let slot = Arc::clone(&server.snapshot_slot)
        .try_acquire_owned()
        .map_err(|_| ApiError::new(ErrorKind::Unavailable, "another snapshot is being sent"))?;
    let db = Arc::clone(server.db()?);
    let snapshot = tokio::task::spawn_blocking(move || db.snapshot()).await;
    let snapshot = snapshot
        .map_err(|error| ApiError::internal(format!("the snapshot failed: {error}")))?
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let (writer, body) = pipe();
    tokio::task::spawn_blocking(move || {
        send(&snapshot, writer);
        drop(slot);
    });
    let mut response = Response::new(Body::new(body));
    let content_type = HeaderValue::from_static("application/x-tar");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

/// `/api/v1/admin/tsdb/snapshot`: blocks with all samples of this moment, in the data directory of the server.
pub(crate) async fn snapshot_blocks(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    server.require_admin()?;
    let with_head = match params.get("skip_head") {
        None | Some("" | "0" | "f" | "F" | "false" | "FALSE" | "False") => true,
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => false,
        Some(other) => {
            return Err(ApiError::bad_data(format!(
                "invalid boolean {other:?} in parameter \"skip_head\""
            )));
        }
    };
    let db = Arc::clone(server.db()?);
    let written = tokio::task::spawn_blocking(move || db.snapshot_blocks(with_head)).await;
    let name = written
        .map_err(|error| ApiError::internal(format!("the snapshot failed: {error}")))?
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let json = format!(r#"{{"name":"{name}"}}"#);
    Ok(answer(params.gzip, wire::whole(json), Annotations::default()))
}

/// Sends a snapshot; when it breaks off, so does the connection.
fn send(snapshot: &Snapshot, writer: PipeWriter) {
    let manifest = snapshot.manifest();
    let (files, size_bytes) = (manifest.files.len(), manifest.size_bytes());
    let sent = write_archive(snapshot, writer).and_then(PipeWriter::finish);
    match sent {
        Ok(()) => info!(files, size_bytes, "snapshot sent"),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            warn!("the client of a snapshot went away");
        }
        Err(error) => warn!(%error, "sending a snapshot failed"),
    }
}
