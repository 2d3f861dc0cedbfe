//! [`Runner`]: the task that scrapes one target.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moheng_metrics::{Clock, SampleSink};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, spawn_blocking};

use super::body;
use super::schedule::Schedule;
use super::stats::Counters;
use super::target::Target;
use super::{
    FetchError, FetchRequest, FetchedBody, Fetcher, FirstScrape, MetricMetadata, PassReport, PassSettings,
    Scrape, ScrapeError, ScrapePass, TargetHealth, Transport,
};

/// What all runners of a manager share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) sink: SharedSink,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Counters,
    /// Bounds how many scrapes are parsed and appended at a time.
    pub(super) appends: Arc<Semaphore>,
    pub(super) offset_seed: u64,
    pub(super) align_timestamps: bool,
}

pub(super) struct SharedSink(pub(super) Arc<dyn SampleSink>);

impl std::fmt::Debug for SharedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedSink").finish_non_exhaustive()
    }
}

/// How to scrape a target: what a reload can change while the target stays.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) pass: PassSettings,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) first_scrape: FirstScrape,
    /// The limit on targets of the job and their number, when exceeded.
    pub(super) target_limit: Option<(usize, usize)>,
}

/// What a runner is told to do.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) plan: Arc<Plan>,
    pub(super) mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Run,
    /// The target is gone: mark its series as stale and end.
    Remove,
    /// The process ends and another may go on: end without a trace.
    Shutdown,
}

/// What others may know of a target while it is scraped.
#[derive(Debug, Default)]
pub(super) struct Observed {
    state: Mutex<ObservedState>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ObservedState {
    pub(super) health: TargetHealth,
    pub(super) last_error: String,
    pub(super) last_scrape_ms: Option<i64>,
    pub(super) last_scrape_duration_seconds: f64,
    pub(super) metadata: Option<Arc<[Arc<MetricMetadata>]>>,
}

impl Observed {
    pub(super) fn get(&self) -> ObservedState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, update: impl FnOnce(&mut ObservedState)) {
        update(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Scrapes one target until told otherwise.
pub(super) struct Runner {
    context: Arc<Context>,
    commands: watch::Receiver<Command>,
    observed: Arc<Observed>,
    plan: Arc<Plan>,
    schedule: Schedule,
    fetcher: Box<dyn Fetcher>,
    /// Taken out while a blocking thread works on it.
    pass: Option<Box<ScrapePass>>,
    size_hint_bytes: usize,
}

impl Runner {
    pub(super) fn new(
        context: Arc<Context>,
        commands: watch::Receiver<Command>,
        observed: Arc<Observed>,
    ) -> Self {
        let plan = commands.borrow().plan.clone();
        Self {
            schedule: schedule(&context, &plan),
            fetcher: plan.transport.fetcher(&plan.target.url),
            pass: None,
            size_hint_bytes: 0,
            context,
            commands,
            observed,
            plan,
        }
    }

    pub(super) async fn run(mut self) {
        let now_ms = self.context.clock.now_ms();
        let mut due_ms = match self.plan.first_scrape {
            FirstScrape::AtOffset => self.schedule.next_after(now_ms),
            FirstScrape::Immediately => now_ms,
        };
        loop {
            tokio::select! {
                biased;
                changed = self.commands.changed() => {
                    let mode = self.commands.borrow_and_update().mode;
                    match mode {
                        _ if changed.is_err() => return,
                        Mode::Run => due_ms = self.adopt(due_ms),
                        Mode::Remove => return self.finish(due_ms).await,
                        Mode::Shutdown => return,
                    }
                }
                () = wait_until(&self.context, self.schedule, due_ms) => {
                    self.scrape(due_ms).await;
                    let now_ms = self.context.clock.now_ms();
                    // The timers of a process can be slightly ahead of the wall clock.
                    let is_early = (0..self.schedule.interval_ms).contains(&due_ms.saturating_sub(now_ms));
                    due_ms = self.schedule.next_after(if is_early { due_ms } else { now_ms });
                }
            }
        }
    }

    /// Takes a changed plan over. Returns when the next scrape is due.
    fn adopt(&mut self, due_ms: i64) -> i64 {
        let plan = self.commands.borrow().plan.clone();
        if !Arc::ptr_eq(&plan.transport, &self.plan.transport) {
            self.fetcher = plan.transport.fetcher(&plan.target.url);
        }
        if let Some(pass) = &mut self.pass {
            pass.set_settings(plan.pass.clone());
        }
        let schedule = schedule(&self.context, &plan);
        self.plan = plan;
        if schedule == self.schedule {
            return due_ms;
        }
        self.schedule = schedule;
        schedule.next_after(self.context.clock.now_ms())
    }

    async fn scrape(&mut self, due_ms: i64) {
        let started = self.context.clock.monotonic();
        let now_ms = self.context.clock.now_ms();
        let timestamp_ms = if self.context.align_timestamps {
            self.schedule.timestamp_ms(due_ms, now_ms)
        } else {
            now_ms
        };
        let mut commands = self.commands.clone();
        let fetched = tokio::select! {
            biased;
            // An error means that the manager is gone, which ends the loop of `run` as well.
            _ = commands.wait_for(|command| command.mode != Mode::Run) => return,
            fetched = fetch(&mut self.fetcher, &self.plan, self.size_hint_bytes) => fetched,
        };
        if let Ok(body) = &fetched {
            self.size_hint_bytes = body.bytes.len();
        }
        match self.apply(fetched, timestamp_ms, started).await {
            Ok(report) => self.observe(&report, timestamp_ms),
            Err(error) => {
                tracing::error!(url = %self.plan.target.url, %error, "a scrape was given up");
                self.observed.update(|state| {
                    state.health = TargetHealth::Down;
                    state.last_error = format!("the scrape was given up: {error}");
                });
            }
        }
    }

    /// Parses and appends on a thread that may block.
    async fn apply(
        &mut self,
        fetched: Result<FetchedBody, ScrapeError>,
        timestamp_ms: i64,
        started: Duration,
    ) -> Result<PassReport, JoinError> {
        // The semaphore is never closed.
        let _permit = self.context.appends.clone().acquire_owned().await.ok();
        let plan = self.plan.clone();
        let context = self.context.clone();
        let pass = self.pass.take();
        let mut pass = pass.unwrap_or_else(|| Box::new(ScrapePass::new(plan.pass.clone())));
        let (pass, report) = spawn_blocking(move || {
            let rules = &plan.pass;
            let limit_bytes = rules.limits.body_bytes();
            let text =
                fetched.and_then(|body| Ok(body::text(body, rules.samples.fallback_protocol, limit_bytes)?));
            let (text, error) = match text {
                Ok(text) => (text, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            let mut scrape = Scrape::new(&text, timestamp_ms);
            scrape.started = Some(started);
            if let Some(error) = error {
                scrape.body = Err(error);
            }
            let report = pass.apply(scrape, context.sink.0.as_ref(), context.clock.as_ref());
            (pass, report)
        })
        .await?;
        self.pass = Some(pass);
        Ok(report)
    }

    fn observe(&mut self, report: &PassReport, timestamp_ms: i64) {
        self.context.counters.count(report);
        let url = &self.plan.target.url;
        match &report.error {
            None => {}
            Some(error @ ScrapeError::Storage(_)) => tracing::error!(%url, %error, "scrape failed"),
            Some(error) => tracing::debug!(%url, %error, "scrape failed"),
        }
        let rejected = report.duplicates + report.out_of_order + report.out_of_bounds + report.refused;
        if rejected > 0 {
            let PassReport {
                duplicates,
                out_of_order,
                out_of_bounds,
                refused,
                ..
            } = report;
            tracing::warn!(%url, duplicates, out_of_order, out_of_bounds, refused, "samples were not taken");
        }
        let metadata = self.pass.as_mut().and_then(|pass| pass.take_changed_metadata());
        self.observed.update(|state| {
            state.health = match report.error {
                None => TargetHealth::Up,
                Some(_) => TargetHealth::Down,
            };
            state.last_error = report.error.as_ref().map(ToString::to_string).unwrap_or_default();
            state.last_scrape_ms = Some(timestamp_ms);
            state.last_scrape_duration_seconds = report.duration_seconds;
            if metadata.is_some() {
                state.metadata = metadata;
            }
        });
    }

    /// Marks all series of the target as stale, at the time of the scrape that is due next. That is written an interval
    /// later, because the target may have moved to another job or process that goes on with its series.
    async fn finish(mut self, due_ms: i64) {
        let Some(mut pass) = self.pass.take().filter(|pass| !pass.is_new()) else {
            return;
        };
        let context = self.context.clone();
        let interval_ms = self.schedule.interval_ms;
        let write_ms = due_ms.saturating_add(interval_ms + interval_ms / 10);
        let waited = async {
            wait_until(&context, self.schedule, due_ms).await;
            let stale_ms = context.clock.now_ms();
            let stale_ms = self.schedule.timestamp_ms(due_ms, stale_ms);
            wait_until(&context, self.schedule.doubled(), write_ms).await;
            stale_ms
        };
        let stale_ms = tokio::select! {
            biased;
            _ = self.commands.wait_for(|command| command.mode == Mode::Shutdown) => return,
            stale_ms = waited => stale_ms,
        };
        let url = self.plan.target.url.to_string();
        let written = spawn_blocking(move || {
            let written = pass.finish(stale_ms, self.context.sink.0.as_ref());
            self.context
                .counters
                .count_stale_markers(*written.as_ref().unwrap_or(&0));
            written
        });
        match written.await {
            Ok(Ok(_)) => (),
            Ok(Err(error)) => {
                tracing::error!(%url, %error, "cannot mark the series of a removed target as stale");
            }
            Err(error) => tracing::error!(%url, %error, "marking the series of a removed target failed"),
        }
    }
}

fn schedule(context: &Context, plan: &Plan) -> Schedule {
    Schedule::new(plan.target.interval_ms, plan.target.hash() ^ context.offset_seed)
}

async fn wait_until(context: &Context, schedule: Schedule, due_ms: i64) {
    while let Some(sleep_ms) = schedule.sleep_ms(due_ms, context.clock.now_ms()) {
        tokio::time::sleep(Duration::from_millis(sleep_ms)).await;
    }
}

async fn fetch(
    fetcher: &mut Box<dyn Fetcher>,
    plan: &Plan,
    size_hint_bytes: usize,
) -> Result<FetchedBody, ScrapeError> {
    if let Some((limit, targets)) = plan.target_limit {
        return Err(ScrapeError::TargetLimit { limit, targets });
    }
    let timeout = Duration::from_millis(plan.target.timeout_ms.unsigned_abs());
    let request = FetchRequest {
        timeout_seconds: timeout.as_secs_f64(),
        body_limit_bytes: plan.pass.limits.body_bytes(),
        size_hint_bytes,
    };
    match tokio::time::timeout(timeout, fetcher.fetch(&request)).await {
        Ok(fetched) => Ok(fetched?),
        Err(_) => Err(FetchError::Timeout(timeout).into()),
    }
}
