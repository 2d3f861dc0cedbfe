//! [`ScrapeManager`]: keeps one runner per target, as the jobs say.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moheng_metrics::{Clock, Labels, SampleSink};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::runner::{Command, Context, Mode, Observed, Plan, Runner, SharedSink};
use super::stats::Counters;
use super::target::{Resolved, Target, resolve};
use super::{
    DroppedTarget, JobError, PassSettings, ScrapeJob, ScrapeStats, ScrapeUrl, TargetMetadata, TargetStatus,
};

/// How a [`ScrapeManager`] works, whatever it scrapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrapeSettings {
    /// Shifts the places of all targets in their intervals; different for servers that scrape the same targets.
    pub offset_seed: u64,
    /// Whether a scrape that is late by no more than 2 ms or 1 % of the interval gets the timestamp of its place, which
    /// makes timestamps cheap to store; yes by default.
    pub align_timestamps: bool,
    /// How many scrapes are parsed and appended at the same time at most; 16 by default.
    pub concurrent_appends: usize,
}

impl Default for ScrapeSettings {
    fn default() -> Self {
        Self {
            offset_seed: 0,
            align_timestamps: true,
            concurrent_appends: 16,
        }
    }
}

/// Scrapes the targets of jobs into a sink until shut down.
///
/// Dropping it stops scraping at once, without waiting for scrapes that run.
///
/// ```
/// use std::sync::Arc;
/// use moheng_collect::{FirstScrape, InProcessTransport, ScrapeJob, ScrapeManager, ScrapeSettings, TargetGroup};
/// use moheng_metrics::{Labels, MemorySource, SystemClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), moheng_collect::JobError> {
/// let store = Arc::new(MemorySource::new());
/// let mut job = ScrapeJob::new("self", Arc::new(InProcessTransport::new(|| b"answer 42\n".to_vec())));
/// job.first_scrape = FirstScrape::Immediately;
/// job.target_groups = vec![TargetGroup { targets: vec!["me:1".to_owned()], labels: Labels::empty() }];
///
/// let manager =
///     ScrapeManager::start(vec![job], ScrapeSettings::default(), store.clone(), Arc::new(SystemClock::new()))?;
/// while store.series_count() == 0 {
///     tokio::task::yield_now().await;
/// }
/// manager.shutdown().await;
/// assert_eq!(store.series_count(), 1 + 5, "the answer, up and its like");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScrapeManager {
    context: Arc<Context>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pools: BTreeMap<String, Pool>,
    tasks: JoinSet<()>,
    /// Of removed targets whose series are still to be marked as stale.
    ending: Vec<watch::Sender<Command>>,
    invalid_targets: usize,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Pool {
    targets: BTreeMap<(Labels, ScrapeUrl), Active>,
    dropped: Vec<Labels>,
    dropped_count: usize,
}

#[derive(Debug)]
struct Active {
    commands: watch::Sender<Command>,
    observed: Arc<Observed>,
}

impl ScrapeManager {
    /// Starts scraping. The tokio runtime that this is called in does the work.
    ///
    /// # Errors
    ///
    /// When a job cannot be run or there is no runtime; nothing was started.
    pub fn start(
        jobs: Vec<ScrapeJob>,
        settings: ScrapeSettings,
        sink: Arc<dyn SampleSink>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JobError> {
        let runtime = Handle::try_current().map_err(|_| JobError::NoRuntime)?;
        let permits = settings.concurrent_appends.clamp(1, Semaphore::MAX_PERMITS);
        let manager = Self {
            context: Arc::new(Context {
                sink: SharedSink(sink),
                clock,
                counters: Counters::default(),
                appends: Arc::new(Semaphore::new(permits)),
                offset_seed: settings.offset_seed,
                align_timestamps: settings.align_timestamps,
            }),
            runtime,
            state: Mutex::default(),
        };
        manager.apply(jobs)?;
        Ok(manager)
    }

    /// Replaces the jobs. Targets that stay are scraped on as before, with the new settings; series of targets that go
    /// are marked as stale an interval later.
    ///
    /// # Errors
    ///
    /// When a job cannot be run or the manager was shut down; nothing was changed.
    pub fn apply(&self, jobs: Vec<ScrapeJob>) -> Result<(), JobError> {
        let mut names = HashSet::new();
        for job in &jobs {
            job.check()?;
            if !names.insert(job.job_name.as_str()) {
                return Err(JobError::DuplicateName(job.job_name.clone()));
            }
        }
        let resolved: Vec<Resolved> = jobs.iter().map(resolve).collect();
        let mut state = self.lock();
        if state.is_closed {
            return Err(JobError::Closed);
        }
        while state.tasks.try_join_next().is_some() {}
        state.ending.retain(|commands| !commands.is_closed());
        state.invalid_targets = resolved.iter().map(|resolved| resolved.errors.len()).sum();
        let mut old_pools = std::mem::take(&mut state.pools);
        for (job, resolved) in jobs.into_iter().zip(resolved) {
            let old = old_pools.remove(&job.job_name).unwrap_or_default();
            let pool = self.sync(&mut state, &job, resolved, old);
            state.pools.insert(job.job_name, pool);
        }
        for active in old_pools
            .into_values()
            .flat_map(|pool| pool.targets.into_values())
        {
            state.remove(active);
        }
        self.context.counters.count_reload();
        Ok(())
    }

    /// All targets, by job, labels and URL.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let state = self.lock();
        let actives = state
            .pools
            .iter()
            .flat_map(|(name, pool)| pool.targets.values().map(move |active| (name, active)));
        actives
            .map(|(name, active)| status(name, &active.commands.borrow().plan.target, &active.observed))
            .collect()
    }

    /// Targets that relabelling dropped, as many of them as the jobs keep.
    pub fn dropped_targets(&self) -> Vec<DroppedTarget> {
        let state = self.lock();
        let dropped = state
            .pools
            .iter()
            .flat_map(|(name, pool)| pool.dropped.iter().map(move |labels| (name, labels)));
        dropped
            .map(|(name, labels)| DroppedTarget {
                scrape_pool: name.clone(),
                discovered_labels: labels.clone(),
            })
            .collect()
    }

    /// How many targets relabelling dropped, by job, whether kept for display or not.
    pub fn dropped_target_counts(&self) -> BTreeMap<String, usize> {
        let state = self.lock();
        let pools = state.pools.iter();
        pools
            .map(|(name, pool)| (name.clone(), pool.dropped_count))
            .collect()
    }

    /// What targets say about their metrics: types and help texts.
    pub fn metadata(&self) -> Vec<TargetMetadata> {
        let state = self.lock();
        let actives = state
            .pools
            .iter()
            .flat_map(|(name, pool)| pool.targets.iter().map(move |(key, active)| (name, key, active)));
        actives
            .map(|(name, (labels, _), active)| TargetMetadata {
                scrape_pool: name.clone(),
                labels: labels.clone(),
                metrics: active.observed.get().metadata.unwrap_or_default(),
            })
            .collect()
    }

    /// What was counted since the start.
    pub fn stats(&self) -> ScrapeStats {
        let mut stats = self.context.counters.snapshot();
        let state = self.lock();
        let pools = state.pools.iter();
        stats.targets = pools
            .map(|(name, pool)| (name.clone(), pool.targets.len()))
            .collect();
        stats.invalid_targets = state.invalid_targets;
        stats
    }

    /// Stops scraping. Returns when what was fetched is appended. Series are not marked as stale, since this process
    /// or another will likely go on with them.
    pub async fn shutdown(&self) {
        let mut tasks = {
            let mut state = self.lock();
            state.is_closed = true;
            let pools = std::mem::take(&mut state.pools).into_values();
            let running = pools.flat_map(|pool| pool.targets.into_values().map(|active| active.commands));
            for commands in running.chain(std::mem::take(&mut state.ending)) {
                commands.send_modify(|command| command.mode = Mode::Shutdown);
            }
            std::mem::take(&mut state.tasks)
        };
        while tasks.join_next().await.is_some() {}
    }

    /// Makes the runners of a pool those of `resolved`.
    fn sync(&self, state: &mut State, job: &ScrapeJob, resolved: Resolved, mut old: Pool) -> Pool {
        for message in &resolved.errors {
            tracing::warn!(job = job.job_name, "{message}");
        }
        let count = resolved.targets.len();
        let target_limit = job.limits.targets.filter(|limit| count > *limit);
        let mut pool = Pool {
            dropped_count: resolved.dropped.len(),
            dropped: resolved.dropped,
            targets: BTreeMap::new(),
        };
        pool.dropped
            .truncate(job.limits.kept_dropped_targets.unwrap_or(usize::MAX));
        for (key, target) in resolved.targets {
            let plan = plan(job, target, target_limit.map(|limit| (limit, count)));
            let active = match old.targets.remove(&key) {
                Some(active) => {
                    active.commands.send_modify(|command| command.plan = plan);
                    active
                }
                None => self.spawn(state, plan),
            };
            pool.targets.insert(key, active);
        }
        for active in old.targets.into_values() {
            state.remove(active);
        }
        pool
    }

    fn spawn(&self, state: &mut State, plan: Arc<Plan>) -> Active {
        let mode = Mode::Run;
        let (commands, receiver) = watch::channel(Command { plan, mode });
        let observed = Arc::new(Observed::default());
        let runner = Runner::new(self.context.clone(), receiver, observed.clone());
        state.tasks.spawn_on(runner.run(), &self.runtime);
        Active { commands, observed }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, active: Active) {
        active.commands.send_modify(|command| command.mode = Mode::Remove);
        self.ending.push(active.commands);
    }
}

fn plan(job: &ScrapeJob, target: Target, target_limit: Option<(usize, usize)>) -> Arc<Plan> {
    Arc::new(Plan {
        pass: PassSettings {
            labels: target.labels.clone(),
            samples: job.samples.clone(),
            limits: job.limits.clone(),
            timeout_seconds: target.timeout_ms as f64 / 1000.0,
        },
        transport: job.transport.clone(),
        first_scrape: job.first_scrape,
        target_limit,
        target,
    })
}

fn status(scrape_pool: &str, target: &Target, observed: &Observed) -> TargetStatus {
    let state = observed.get();
    TargetStatus {
        discovered_labels: target.discovered_labels.clone(),
        labels: target.labels.clone(),
        scrape_pool: scrape_pool.to_owned(),
        scrape_url: target.url.to_string(),
        health: state.health,
        last_error: state.last_error,
        last_scrape_ms: state.last_scrape_ms,
        last_scrape_duration_seconds: state.last_scrape_duration_seconds,
        scrape_interval_ms: target.interval_ms,
        scrape_timeout_ms: target.timeout_ms,
    }
}
