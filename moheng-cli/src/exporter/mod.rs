//! Exporters: servers of one page of metrics, in place of Node Exporter.

mod activation;
mod build_info;
mod host;
mod pages;
mod statistics;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
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

/// What an exporter listens on.
#[derive(Debug)]
pub(crate) enum Sockets<'a> {
    /// `HOST:PORT` or `:PORT`.
    Addresses(&'a [String]),
    /// What the service manager listens on already.
    Given,
}

/// Serves `router` on `sockets` by the rules of `security` until SIGTERM or SIGINT.
///
/// # Errors
///
/// When an address is taken or not of this machine, or no socket was given; the message says which.
pub(crate) async fn serve(
    sockets: Sockets<'_>,
    router: Router,
    security: Arc<Security>,
) -> Result<(), String> {
    let stop = Arc::new(watch::Sender::new(false));
    let sender = Arc::clone(&stop);
    let stop_all = move || {
        sender.send_replace(true);
    };
    stop_on_signals(stop_all).map_err(|error| error.to_string())?;
    let mut tasks = JoinSet::new();
    for listener in listen(sockets).await? {
        let scheme = if security.has_tls() { "https" } else { "http" };
        let local = listener.local_addr().map_err(|error| error.to_string())?;
        info!(url = %format_args!("{scheme}://{local}"), "listening");
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

async fn listen(sockets: Sockets<'_>) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    match sockets {
        Sockets::Addresses(addresses) => {
            for address in addresses {
                let cannot = |error| format!("cannot listen on {address}: {error}");
                listeners.push(http::bind(address).await.map_err(cannot)?);
            }
        }
        Sockets::Given => {
            for listener in activation::given_listeners()? {
                listeners.push(TcpListener::from_std(listener).map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(listeners)
}
