//! The program: its parts, wired in [`run`], started and stopped in order.

mod database_metrics;
mod error;
mod jobs;
mod logging;
mod process;
mod scrape_metrics;
mod shutdown;

use std::path::Path;
use std::sync::Arc;

use moheng_collect::{ScrapeManager, ScrapeSettings};
use moheng_metrics::{Clock, SampleSink};
use moheng_promql::Engine;
use moheng_tsdb::compact::Retention;
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{info, warn};

pub(crate) use database_metrics::database_families;
pub(crate) use error::AppError;
pub(crate) use logging::start_logging;
pub(crate) use process::process_families;
pub(crate) use scrape_metrics::scrape_families;
pub(crate) use shutdown::stop_on_signals;

use crate::args::{Feature, RunArgs, StorageArgs, WebArgs};
use crate::config::{Config, RetentionSection};
use crate::http::{self, ConnectionLimits, Security, Server, ServerSettings};

/// What is kept when neither the file nor a flag says how long or how much: 15 days.
const DEFAULT_RETENTION_MS: i64 = 15 * 24 * 60 * 60 * 1000;

/// Runs the server until it is asked to stop.
///
/// # Errors
///
/// When it cannot start, or cannot stop cleanly.
pub(crate) async fn run(
    args: &RunArgs,
    config: Option<Config>,
    security: Arc<Security>,
    clock: Arc<dyn Clock>,
) -> Result<(), AppError> {
    warn_about_config(args, config.as_ref());
    let listeners = listen(&args.web, security.has_tls()).await?;
    let server = Arc::new(build_server(args, config.as_ref(), Arc::clone(&clock))?);
    let stopped = Arc::clone(&server);
    stop_on_signals(move || stopped.stop()).map_err(AppError::Signals)?;
    let mut tasks = JoinSet::new();
    for (listener, url) in listeners {
        info!(%url, "listening");
        let limits = ConnectionLimits {
            connections: args.web.max_connections,
            read_timeout: args.web.read_timeout,
        };
        tasks.spawn(http::serve(
            listener,
            http::routes(&server),
            Arc::clone(&security),
            limits,
            server.stop_receiver(),
        ));
    }

    let db = open_database(args, config.as_ref(), &clock).await?;
    let mut scrape_settings = ScrapeSettings::default();
    if let Some(config) = &config {
        // Servers with different external labels scrape the same targets at different moments.
        scrape_settings.offset_seed = config.global.external_labels.stable_hash();
    }
    let jobs = match config {
        Some(config) => jobs::configured(config),
        None => jobs::zero_config(&server, &clock)?,
    };
    let sink: Arc<dyn SampleSink> = db.clone();
    server.set_db(Arc::clone(&db));
    let scrapes = ScrapeManager::start(jobs, scrape_settings, sink, Arc::clone(&clock))?;
    server.set_scrapes(scrapes);
    info!("ready");

    let mut stop = server.stop_receiver();
    // The sender lives in `server`, so waiting ends only with the request to stop.
    let _ = stop.wait_for(|stop| *stop).await;
    info!("stopping");
    if let Ok(scrapes) = server.scrapes() {
        scrapes.shutdown().await;
    }
    while tasks.join_next().await.is_some() {}
    let closed = spawn_blocking(move || db.close()).await;
    closed
        .map_err(|error| AppError::Task(error.to_string()))?
        .map_err(AppError::Close)?;
    info!("stopped");
    Ok(())
}

fn warn_about_config(args: &RunArgs, config: Option<&Config>) {
    let (Some(file), Some(config)) = (&args.config_file, config) else {
        info!("no --config.file: collecting this host and moheng itself every 15 s");
        return;
    };
    for warning in &config.warnings {
        warn!("{}", warning.display(file));
    }
}

/// Binds all addresses before anything else is touched; each comes with the URL to reach it.
async fn listen(args: &WebArgs, has_tls: bool) -> Result<Vec<(TcpListener, String)>, AppError> {
    let mut listeners = Vec::new();
    for address in &args.listen_addresses {
        let bind_error = |source| AppError::Bind {
            address: address.clone(),
            source,
        };
        let listener = http::bind(address).await.map_err(bind_error)?;
        let local = listener.local_addr().map_err(bind_error)?;
        let scheme = if has_tls { "https" } else { "http" };
        listeners.push((listener, format!("{scheme}://{local}")));
    }
    Ok(listeners)
}

fn build_server(args: &RunArgs, config: Option<&Config>, clock: Arc<dyn Clock>) -> Result<Server, AppError> {
    let settings = ServerSettings {
        enable_admin_api: args.web.enable_admin_api,
        enable_lifecycle: args.web.enable_lifecycle,
        query_timeout: args.engine.timeout,
        query_concurrency: args.query.max_concurrency,
    };
    let mut engine = args.engine.settings();
    if let Some(config) = config {
        engine.default_step_ms = config.global.evaluation_interval_ms;
    }
    let engine = Engine::new(engine, Arc::clone(&clock));
    Ok(Server::new(settings, engine, clock)?)
}

async fn open_database(
    args: &RunArgs,
    config: Option<&Config>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Db>, AppError> {
    let path = args.storage.path.clone();
    let mut settings = Settings::default();
    settings.wal_sync = args.storage.wal_sync;
    settings.wal_compression = args.storage.wal_compression();
    settings.wal_segment_bytes = args.storage.wal_segment_bytes;
    settings.reserve_bytes = args.storage.reserve_bytes;
    settings.snapshot_on_close = args.storage.snapshot_on_shutdown
        || args.engine.features.contains(&Feature::MemorySnapshotOnShutdown);
    settings.retention = match config.and_then(|config| config.storage.retention) {
        Some(section) => retention_of_config(&section),
        None => retention(&args.storage),
    };
    settings.out_of_order_window_ms = config.map_or(0, |config| config.storage.out_of_order_window_ms);
    if let Some(max_exemplars) = config.and_then(|config| config.storage.max_exemplars) {
        settings.max_exemplars = max_exemplars;
    }
    let start = clock.monotonic();
    let db_clock = Arc::clone(clock);
    let opened = spawn_blocking(move || open_at(&path, settings, db_clock)).await;
    let db = opened.map_err(|error| AppError::Task(error.to_string()))??;
    let seconds = clock.monotonic().saturating_sub(start).as_secs_f64();
    let series = db.stats().head.series;
    info!(path = %args.storage.path.display(), series, seconds, "database opened");
    Ok(Arc::new(db))
}

/// 0 is no limit.
fn retention(args: &StorageArgs) -> Retention {
    let time_ms = args.retention_time.as_millis() as i64;
    Retention {
        time_ms: (time_ms > 0).then_some(time_ms),
        size_bytes: Some(args.retention_size_bytes).filter(|size_bytes| *size_bytes > 0),
        disk_percentage: None,
    }
}

/// 0 is no limit. What is said in the file counts instead of all flags about it, and a percentage instead of a size.
fn retention_of_config(section: &RetentionSection) -> Retention {
    let percentage = section.percentage.filter(|percentage| *percentage > 0.0);
    let size_bytes = section.size_bytes.filter(|size_bytes| *size_bytes > 0);
    let time_ms = match (section.time_ms, percentage, size_bytes) {
        (None, None, None) => Some(DEFAULT_RETENTION_MS),
        (time_ms, _, _) => time_ms.filter(|time_ms| *time_ms > 0),
    };
    Retention {
        time_ms,
        size_bytes: size_bytes.filter(|_| percentage.is_none()),
        disk_percentage: percentage,
    }
}

fn open_at(path: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Db, AppError> {
    let directory = RealDirectory::create(path).map_err(|source| AppError::Directory {
        path: path.to_owned(),
        source,
    })?;
    let db = Db::builder(Arc::new(directory)).settings(settings).clock(clock);
    db.open().map_err(|source| AppError::Open {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_of_the_file() {
        let check = |time_ms, size_bytes, percentage, expected| {
            let section = RetentionSection {
                time_ms,
                size_bytes,
                percentage,
            };
            let found = retention_of_config(&section);
            assert_eq!((found.time_ms, found.size_bytes, found.disk_percentage), expected);
        };
        check(None, None, None, (Some(DEFAULT_RETENTION_MS), None, None));
        check(Some(5), None, None, (Some(5), None, None));
        check(None, Some(7), None, (None, Some(7), None));
        check(Some(0), Some(0), Some(0.0), (None, None, None));
        check(Some(5), Some(7), Some(80.0), (Some(5), None, Some(80.0)));
    }
}
