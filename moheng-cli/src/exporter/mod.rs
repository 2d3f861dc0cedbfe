//! Exporters: servers of one page of metrics, in place of Node Exporter.

mod build_info;
mod host;
mod pages;
mod statistics;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::info;

pub(crate) use build_info::node_build_info;
pub(crate) use host::HostExporter;

use crate::app::stop_on_signals;
use crate::http::{self, ConnectionLimits, Security};

/// More than any number of scrapers needs, fewer than there are file descriptors.
const CONNECTIONS: usize = 512;
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `router` on `addresses` by the rules of `security` until SIGTERM or SIGINT.
///
/// # Errors
///
/// When an address is taken or not of this machine; the message says which.
pub(crate) async fn serve(
    addresses: &[String],
    router: Router,
    security: Arc<Security>,
) -> Result<(), String> {
    let stop = Arc::new(watch::Sender::new(false));
    let sender = Arc::clone(&stop);
    let stop_all = move || {
        sender.send_replace(true);
    };
    stop_on_signals(stop_all).map_err(|error| error.to_string())?;
    let mut listeners = Vec::new();
    for address in addresses {
        let cannot = |error| format!("cannot listen on {address}: {error}");
        let listener = http::bind(address).await.map_err(cannot)?;
        let local = listener.local_addr().map_err(cannot)?;
        let scheme = if security.has_tls() { "https" } else { "http" };
        listeners.push((listener, format!("{scheme}://{local}")));
    }
    let mut tasks = JoinSet::new();
    for (listener, url) in listeners {
        info!(%url, "listening");
        let limits = ConnectionLimits {
            connections: CONNECTIONS,
            read_timeout: READ_TIMEOUT,
        };
        tasks.spawn(http::serve(
            listener,
            router.clone(),
            Arc::clone(&security),
            limits,
            stop.subscribe(),
        ));
    }
    while tasks.join_next().await.is_some() {}
    info!("stopped");
    Ok(())
}
