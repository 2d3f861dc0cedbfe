//! What the handlers share: the parts of the running program and the limits of queries.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moheng_collect::ScrapeManager;
use moheng_metrics::Clock;
use moheng_metrics::instrument::{GaugeGuard, RegisterError};
use moheng_promql::Engine;
use moheng_tsdb::Db;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::error::{ApiError, ErrorKind};
use super::statistics::ServerStatistics;

/// What may be done through the server, and how much.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    pub(crate) enable_admin_api: bool,
    pub(crate) enable_lifecycle: bool,
    pub(crate) query_timeout: Duration,
    pub(crate) query_concurrency: usize,
}

/// The state behind all routes.
pub(crate) struct Server {
    pub(crate) settings: ServerSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engine: Engine,
    pub(crate) statistics: ServerStatistics,
    /// Only one snapshot is streamed at a time.
    pub(crate) snapshot_slot: Arc<Semaphore>,
    query_slots: Arc<Semaphore>,
    db: OnceLock<Arc<Db>>,
    scrapes: OnceLock<ScrapeManager>,
    stop: watch::Sender<bool>,
}

impl Server {
    pub(crate) fn new(
        settings: ServerSettings,
        engine: Engine,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RegisterError> {
        Ok(Self {
            statistics: ServerStatistics::new(Arc::clone(&clock), settings.query_concurrency)?,
            clock,
            engine,
            snapshot_slot: Arc::new(Semaphore::new(1)),
            query_slots: Arc::new(Semaphore::new(settings.query_concurrency)),
            db: OnceLock::new(),
            scrapes: OnceLock::new(),
            stop: watch::Sender::new(false),
            settings,
        })
    }

    /// Hands over the open database.
    pub(crate) fn set_db(&self, db: Arc<Db>) {
        if self.db.set(db).is_err() {
            tracing::error!("the database was opened twice");
        }
    }

    /// Hands over what scrapes, which makes the server ready.
    pub(crate) fn set_scrapes(&self, scrapes: ScrapeManager) {
        if self.scrapes.set(scrapes).is_err() {
            tracing::error!("scraping was started twice");
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.db.get().is_some() && self.scrapes.get().is_some() && !self.is_stopping()
    }

    /// Refuses what only an administrator may do, unless that is switched on.
    pub(crate) fn require_admin(&self) -> Result<(), ApiError> {
        if self.settings.enable_admin_api {
            return Ok(());
        }
        let message = "the admin API is off; start the server with --web.enable-admin-api";
        Err(ApiError::new(ErrorKind::Unavailable, message))
    }

    /// The open database.
    pub(crate) fn db(&self) -> Result<&Arc<Db>, ApiError> {
        let unavailable = || ApiError::new(ErrorKind::Unavailable, "the database is not open yet");
        self.db.get().ok_or_else(unavailable)
    }

    /// What scrapes.
    pub(crate) fn scrapes(&self) -> Result<&ScrapeManager, ApiError> {
        let unavailable = || ApiError::new(ErrorKind::Unavailable, "scraping has not started yet");
        self.scrapes.get().ok_or_else(unavailable)
    }

    /// Asks the program to stop.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Turns true when the program is asked to stop.
    pub(crate) fn stop_receiver(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Waits for a free slot to run a query in, at most `timeout`.
    pub(crate) async fn query_slot(self: &Arc<Self>, timeout: Duration) -> Result<QuerySlot, ApiError> {
        let running = self.statistics.queries_running.track();
        let mut slot = QuerySlot {
            _running: running,
            permit: None,
        };
        let acquire = Arc::clone(&self.query_slots).acquire_owned();
        match tokio::time::timeout(timeout, acquire).await {
            Ok(permit) => {
                slot.permit = permit.ok();
                Ok(slot)
            }
            Err(_) => Err(ApiError::new(
                ErrorKind::Timeout,
                "query timed out while it waited for a free slot",
            )),
        }
    }
}

/// The right to run one query.
pub(crate) struct QuerySlot {
    permit: Option<OwnedSemaphorePermit>,
    _running: GaugeGuard,
}
