//! [`HostCollectors`]: runs the collectors that are switched on, with a time limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moheng_metrics::{Clock, MetricFamily};

use super::families::{counter, gauge, push};
use super::{HostOptions, table};
use crate::runner::{Job, Outcome, Runner, Task};
use crate::{CollectError, Collector, HostError};

/// How much longer a collection may take than the filesystem collector waits for its mounts.
const MARGIN: Duration = Duration::from_secs(1);

/// The collectors of this host, ready to be asked again and again.
///
/// A collection runs the collectors one after another on a helper thread. One that hangs does not hold up the others:
/// they go on without it, the collection ends when its time is up, and the collector is not started again before it has
/// come back. The number of threads is bounded by the number of collectors and of mounts.
#[derive(Debug)]
pub struct HostCollectors {
    tasks: Vec<Arc<Task<Timed>>>,
    runner: Runner,
    time_limit: Duration,
    /// By task. Also keeps collections from overlapping.
    histories: Mutex<Vec<History>>,
}

/// What is remembered of a collector.
#[derive(Clone, Debug, Default)]
struct History {
    /// Why it failed last time.
    failure: Option<String>,
    timeouts: u64,
}

/// What one collection found.
#[derive(Debug)]
pub struct HostCollection {
    /// The metrics of all collectors and of the collection itself, ascending by name, no name twice.
    pub families: Vec<MetricFamily>,
    /// How each collector fared, in the order they ran.
    pub outcomes: Vec<CollectorOutcome>,
}

/// How a collector fared in one collection.
#[derive(Debug)]
pub struct CollectorOutcome {
    /// The name of the collector.
    pub name: &'static str,
    /// How long it took; the time limit for one that did not finish.
    pub duration: Duration,
    /// Why it failed.
    pub error: Option<CollectError>,
}

impl HostCollectors {
    /// Sets up the collectors that `options` switch on.
    ///
    /// # Errors
    ///
    /// When a pattern of the options is not valid, or nothing is collected on this system.
    pub fn new(options: &HostOptions, clock: Arc<dyn Clock>) -> Result<Self, HostError> {
        if table::COLLECTORS.is_empty() {
            return Err(HostError::Unsupported {
                system: std::env::consts::OS,
            });
        }
        let collectors = table::COLLECTORS
            .iter()
            .filter(|entry| options.is_on(entry.name))
            .map(|entry| entry.build(options, &clock))
            .collect::<Result<_, _>>()?;
        let time_limit = options.time_limit.max(options.filesystem.mount_timeout + MARGIN);
        Ok(Self::from_collectors(collectors, time_limit, clock))
    }

    /// Runs any collectors, such as a program's own, under the same rules.
    ///
    /// Their names should be unique. A collection takes at most `time_limit`.
    pub fn from_collectors(
        collectors: Vec<Box<dyn Collector>>,
        time_limit: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let tasks: Vec<_> = collectors
            .into_iter()
            .map(move |collector| {
                Task::new(Timed {
                    collector,
                    clock: Arc::clone(&clock),
                })
            })
            .collect();
        Self {
            // Every collector may hang, and one more thread is needed for those that do not.
            runner: Runner::new("moheng-host", tasks.len() + 1),
            time_limit,
            histories: Mutex::new(vec![History::default(); tasks.len()]),
            tasks,
        }
    }

    /// The names of all host collectors there are, ascending, and whether each is on by default.
    pub fn known() -> impl Iterator<Item = (&'static str, bool)> {
        table::COLLECTORS
            .iter()
            .map(|entry| (entry.name, entry.is_on_by_default))
    }

    /// The names of the collectors that are switched on.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.tasks.iter().map(|task| task.job.collector.name())
    }

    /// Collects everything, with `node_scrape_collector_success` and `node_scrape_collector_duration_seconds`, and
    /// `moheng_collector_timeouts_total` of those that did not finish in time since the start.
    ///
    /// Blocks, at worst for the time limit: do not call it on a thread that runs async tasks. Calls at the same time wait
    /// for each other.
    pub fn collect(&self) -> Vec<MetricFamily> {
        self.collect_only(|_| true).families
    }

    /// [`HostCollectors::collect`] with the collectors whose name is `wanted`, and how each fared.
    pub fn collect_only(&self, wanted: impl Fn(&str) -> bool) -> HostCollection {
        self.collect_within(self.time_limit, wanted)
    }

    /// [`HostCollectors::collect_only`] for a caller who waits no longer than `time_limit`, which may be shorter than that
    /// of the options, not longer.
    pub fn collect_within(&self, time_limit: Duration, wanted: impl Fn(&str) -> bool) -> HostCollection {
        let limit = time_limit.min(self.time_limit);
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen: Vec<usize> = (0..self.tasks.len())
            .filter(|&index| wanted(self.tasks[index].job.collector.name()))
            .collect();
        let tasks: Vec<_> = chosen
            .iter()
            .map(|&index| Arc::clone(&self.tasks[index]))
            .collect();
        let results = self.runner.run(&tasks, limit);
        let mut families = Families::default();
        let mut outcomes = Vec::with_capacity(tasks.len());
        for ((index, task), result) in chosen.into_iter().zip(&tasks).zip(results) {
            let outcome = take_result(task.job.collector.name(), limit, result, &mut families);
            histories[index].add(&outcome);
            outcomes.push(outcome);
        }
        families.add_all(scrape_families(&outcomes));
        families.add_all(self.timeout_family(&histories));
        HostCollection {
            families: families.sorted(),
            outcomes,
        }
    }

    /// Only of collectors that ever needed too long.
    fn timeout_family(&self, histories: &[History]) -> Option<MetricFamily> {
        let help = "Times the collector did not finish in time.";
        let mut family = counter("moheng_collector_timeouts_total", help);
        for (task, history) in self.tasks.iter().zip(histories) {
            if history.timeouts > 0 {
                let labels = [("collector", task.job.collector.name())];
                push(&mut family, &labels, history.timeouts as f64);
            }
        }
        (!family.metrics.is_empty()).then_some(family)
    }
}

fn take_result(
    name: &'static str,
    limit: Duration,
    result: Outcome<Collected>,
    families: &mut Families,
) -> CollectorOutcome {
    let (duration, error) = match result {
        Outcome::Finished(collected) => {
            families.add_all(collected.families);
            (collected.duration, collected.result.err())
        }
        Outcome::Panicked => (Duration::ZERO, Some(CollectError::Panicked)),
        Outcome::TimedOut => (limit, Some(CollectError::TimedOut { limit })),
    };
    CollectorOutcome {
        name,
        duration,
        error,
    }
}

fn scrape_families(outcomes: &[CollectorOutcome]) -> [MetricFamily; 2] {
    let mut duration = gauge(
        "node_scrape_collector_duration_seconds",
        "How long the collector took.",
    );
    let mut success = gauge(
        "node_scrape_collector_success",
        "Whether the collector succeeded (1) or not (0).",
    );
    for outcome in outcomes {
        let labels = [("collector", outcome.name)];
        push(&mut duration, &labels, outcome.duration.as_secs_f64());
        push(
            &mut success,
            &labels,
            if outcome.error.is_none() { 1.0 } else { 0.0 },
        );
    }
    [duration, success]
}

impl History {
    /// Logs a failure once, not for every collection until it ends.
    fn add(&mut self, outcome: &CollectorOutcome) {
        if let Some(CollectError::TimedOut { .. }) = outcome.error {
            self.timeouts += 1;
        }
        let reason = outcome.error.as_ref().map(ToString::to_string);
        if reason == self.failure {
            return;
        }
        let collector = outcome.name;
        match &outcome.error {
            Some(error) if error.is_no_data() => tracing::debug!(collector, %error, "nothing to collect"),
            Some(error) => tracing::warn!(collector, %error, "collector failed"),
            None => tracing::info!(collector, "collector works again"),
        }
        self.failure = reason;
    }
}

/// A collector under the runner.
#[derive(Debug)]
struct Timed {
    collector: Box<dyn Collector>,
    clock: Arc<dyn Clock>,
}

struct Collected {
    families: Vec<MetricFamily>,
    duration: Duration,
    result: Result<(), CollectError>,
}

impl Job for Timed {
    type Output = Collected;

    fn run(&self) -> Collected {
        let start = self.clock.monotonic();
        let mut families = Vec::new();
        let result = self.collector.collect(&mut families);
        Collected {
            families,
            duration: self.clock.monotonic().saturating_sub(start),
            result,
        }
    }
}

/// Families by name; what several collectors say under one name becomes one family.
#[derive(Default)]
struct Families {
    families: Vec<MetricFamily>,
    positions: HashMap<String, usize>,
}

impl Families {
    fn add_all(&mut self, families: impl IntoIterator<Item = MetricFamily>) {
        for family in families {
            if let Some(&position) = self.positions.get(&family.name) {
                let known = &mut self.families[position];
                known.metrics.extend(family.metrics);
                known.padded_labels.extend(family.padded_labels);
                known.padded_labels.sort_unstable();
                known.padded_labels.dedup();
            } else {
                self.positions.insert(family.name.clone(), self.families.len());
                self.families.push(family);
            }
        }
    }

    fn sorted(mut self) -> Vec<MetricFamily> {
        self.families.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.families
    }
}
