//! Stops the server on SIGTERM and SIGINT.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::AppError;
use crate::http::Server;

/// From now on the first SIGTERM or SIGINT asks `server` to stop.
pub(super) fn stop_on_signals(server: &Arc<Server>) -> Result<(), AppError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signals)?;
    let server = Arc::clone(server);
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("received {name}");
        server.stop();
    });
    Ok(())
}
