//! Stops the program on SIGTERM and SIGINT.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Calls `stop` at the first SIGTERM or SIGINT from now on.
///
/// # Errors
///
/// When the system refuses to deliver signals.
pub(crate) fn stop_on_signals(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("received {name}");
        stop();
    });
    Ok(())
}
