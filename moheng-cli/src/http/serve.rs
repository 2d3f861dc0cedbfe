//! Accepts connections, within limits, until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::security::{Security, secured};

/// How long open requests get to finish once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to agree on encryption.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, as when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one client, or all together, may hold open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) connections: usize,
    /// How long a client may take to send the head of a request, idle time included.
    pub(crate) read_timeout: Duration,
}

/// Listens on `address`: `HOST:PORT`, or `:PORT` for all addresses of the machine.
pub(crate) async fn bind(address: &str) -> std::io::Result<TcpListener> {
    match address.strip_prefix(':') {
        Some(port) => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        None => TcpListener::bind(address).await,
    }
}

/// Serves `router` on `listener` by the rules of `security` until `stop` turns true, then lets open requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    security: Arc<Security>,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) {
    let router = secured(router, &security);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((accept(&listener).await, slot))
        };
        let (stream, slot) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            next = next => match next {
                Some(next) => next,
                None => break,
            },
        };
        let (router, security) = (router.clone(), Arc::clone(&security));
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            if let Some(tls) = security.tls() {
                let handshake = TlsAcceptor::from(tls).accept(stream);
                match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                    Ok(Ok(stream)) => talk(stream, router, limits, watcher).await,
                    Ok(Err(error)) => debug!(%error, "a handshake failed"),
                    Err(_) => debug!("a handshake took too long"),
                }
            } else {
                talk(stream, router, limits, watcher).await;
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("open requests did not end in time");
    }
}

/// Answers the requests of one connection.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: ConnectionLimits,
    watcher: Watcher,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.read_timeout);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "a connection ended");
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                disable_delay(&stream, peer);
                return stream;
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn disable_delay(stream: &TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, %peer, "cannot set TCP_NODELAY");
    }
}
