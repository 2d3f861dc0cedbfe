//! Scheduling, reload, removal and shutdown, in paused time and mostly in-process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moheng_collect::{
    FirstScrape, HttpTransport, InProcessTransport, JobError, RelabelAction, RelabelConfig, RelabelRule,
    ScrapeJob, ScrapeManager, ScrapeSettings, TargetGroup, TargetHealth,
};
use moheng_metrics::{
    AppendBatch, Appended, Labels, Matcher, MemorySource, SampleBuffer, SampleSink, Select, SeriesSource,
    SinkError, SystemClock, is_stale_nan,
};

use crate::scrape_server::TokioClock;

fn group(targets: &[&str]) -> TargetGroup {
    TargetGroup {
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
        labels: Labels::empty(),
    }
}

/// Every 10 s; exposes `a`.
fn job(name: &str, targets: &[&str]) -> ScrapeJob {
    let mut job = ScrapeJob::new(name, Arc::new(InProcessTransport::new(|| b"a 1\n".to_vec())));
    job.scrape_interval_ms = 10_000;
    job.target_groups = vec![group(targets)];
    job
}

fn start(jobs: Vec<ScrapeJob>, store: &Arc<MemorySource>) -> ScrapeManager {
    let clock = Arc::new(TokioClock::new());
    ScrapeManager::start(jobs, ScrapeSettings::default(), store.clone(), clock).expect("valid jobs")
}

async fn pass_seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The samples of one series as (milliseconds since the start, value); `None` is a stale marker.
fn samples(store: &MemorySource, name: &str, instance: &str) -> Vec<(i64, Option<f64>)> {
    let matchers = vec![
        Matcher::equal("__name__", name),
        Matcher::equal("instance", instance),
    ];
    let mut cursor = store
        .select(&Select::new(matchers, i64::MIN, i64::MAX))
        .expect("memory");
    let Some(mut series) = cursor.next_series().expect("memory") else {
        return Vec::new();
    };
    let mut samples = SampleBuffer::new();
    while series.samples.read(&mut samples).expect("memory") {}
    let floats = samples.floats;
    let values = floats
        .values
        .iter()
        .map(|value| Some(*value).filter(|value| !is_stale_nan(*value)));
    floats
        .timestamps_ms
        .iter()
        .map(|timestamp_ms| timestamp_ms - TokioClock::START_MS)
        .zip(values)
        .collect()
}

fn values(samples: &[(i64, Option<f64>)]) -> Vec<Option<f64>> {
    samples.iter().map(|(_, value)| *value).collect()
}

fn has_even_distances(samples: &[(i64, Option<f64>)], distance_ms: i64) -> bool {
    samples
        .windows(2)
        .all(|pair| pair[1].0 - pair[0].0 == distance_ms)
}

#[tokio::test(start_paused = true)]
async fn targets_are_spread_over_the_interval_and_keep_their_place() {
    let store = Arc::new(MemorySource::new());
    let names: Vec<String> = (0..8).map(|index| format!("t{index}:1")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let manager = start(vec![job("test", &names)], &store);
    assert!(
        manager
            .targets()
            .iter()
            .all(|target| target.health == TargetHealth::Unknown)
    );
    pass_seconds(40).await;
    manager.shutdown().await;
    let mut places = Vec::new();
    for name in names {
        let samples = samples(&store, "a", name);
        assert_eq!(samples.len(), 4, "{name}");
        assert!(has_even_distances(&samples, 10_000), "{samples:?}");
        places.push(samples[0].0);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 8, "eight places in the interval");
    let stats = manager.stats();
    assert_eq!(
        (stats.scrapes, stats.samples_appended, stats.stale_markers),
        (32, 32, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_is_marked_as_stale_and_one_that_stays_is_not_disturbed() {
    let store = Arc::new(MemorySource::new());
    let manager = start(
        vec![job("test", &["stays:1", "goes:1"]), job("other", &["gone:1"])],
        &store,
    );
    pass_seconds(20).await;
    let before = samples(&store, "a", "goes:1");
    assert_eq!(values(&before), [Some(1.0); 2]);
    let metadata_before = manager.metadata().len();
    manager
        .apply(vec![job("test", &["stays:1"])])
        .expect("valid jobs");
    assert_eq!((metadata_before, manager.targets().len()), (3, 1));
    assert_eq!(
        manager.targets()[0].health,
        TargetHealth::Up,
        "it is still known to be up"
    );
    pass_seconds(11).await;
    assert_eq!(
        samples(&store, "a", "goes:1"),
        before,
        "another may go on with the series"
    );
    pass_seconds(19).await;
    for instance in ["goes:1", "gone:1"] {
        for name in ["a", "up", "scrape_series_added"] {
            let after = samples(&store, name, instance);
            assert_eq!(after.len(), 3, "{name}");
            assert_eq!(after[2].1, None, "{name}");
            assert!(has_even_distances(&after, 10_000), "{after:?}");
        }
    }
    let stays = samples(&store, "a", "stays:1");
    assert_eq!(values(&stays), [Some(1.0); 5]);
    assert!(has_even_distances(&stays, 10_000), "{stays:?}");
    assert_eq!(
        values(&samples(&store, "scrape_series_added", "stays:1"))[1..],
        [Some(0.0); 4]
    );
    manager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_goes_on_without_a_gap() {
    let store = Arc::new(MemorySource::new());
    let manager = start(vec![job("test", &["t:1"])], &store);
    pass_seconds(20).await;
    manager.apply(Vec::new()).expect("no jobs are valid jobs");
    manager.apply(vec![job("test", &["t:1"])]).expect("valid jobs");
    pass_seconds(40).await;
    manager.shutdown().await;
    assert_eq!(values(&samples(&store, "a", "t:1")), [Some(1.0); 6]);
}

#[tokio::test(start_paused = true)]
async fn changed_settings_reach_a_target_that_stays() {
    let store = Arc::new(MemorySource::new());
    let manager = start(vec![job("test", &["t:1"])], &store);
    pass_seconds(20).await;
    let mut changed = job("test", &["t:1"]);
    changed.scrape_interval_ms = 5_000;
    changed.scrape_timeout_ms = 5_000;
    changed.samples.relabel = vec![
        RelabelRule::new(RelabelConfig {
            source_labels: vec!["__name__".to_owned()],
            regex: "a".to_owned(),
            target_label: "__name__".to_owned(),
            replacement: "b".to_owned(),
            ..RelabelConfig::default()
        })
        .expect("a valid rule"),
    ];
    manager.apply(vec![changed]).expect("valid jobs");
    assert_eq!(manager.targets()[0].scrape_interval_ms, 5_000);
    pass_seconds(20).await;
    manager.shutdown().await;
    assert_eq!(values(&samples(&store, "a", "t:1")), [Some(1.0), Some(1.0), None]);
    let b = samples(&store, "b", "t:1");
    assert_eq!(values(&b), [Some(1.0); 4]);
    assert!(has_even_distances(&b, 5_000), "{b:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_leaves_no_stale_markers_and_is_final() {
    let store = Arc::new(MemorySource::new());
    let manager = start(vec![job("test", &["t:1", "removed:1"])], &store);
    pass_seconds(20).await;
    manager.apply(vec![job("test", &["t:1"])]).expect("valid jobs");
    manager.shutdown().await;
    pass_seconds(60).await;
    for instance in ["t:1", "removed:1"] {
        assert_eq!(
            values(&samples(&store, "a", instance)),
            [Some(1.0); 2],
            "{instance}"
        );
    }
    assert_eq!(manager.apply(Vec::new()), Err(JobError::Closed));
    manager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn too_many_targets_all_fail() {
    let store = Arc::new(MemorySource::new());
    let mut limited = job("test", &["t:1", "u:1"]);
    limited.limits.targets = Some(1);
    let manager = start(vec![limited.clone()], &store);
    pass_seconds(10).await;
    assert_eq!(
        manager.targets()[0].last_error,
        "target limit of 1 exceeded: 2 targets"
    );
    assert_eq!(values(&samples(&store, "up", "t:1")), [Some(0.0)]);
    limited.target_groups = vec![group(&["t:1"])];
    manager.apply(vec![limited]).expect("valid jobs");
    pass_seconds(10).await;
    assert_eq!(values(&samples(&store, "up", "t:1")), [Some(0.0), Some(1.0)]);
    assert_eq!(manager.stats().failures.target_limit, 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_and_invalid_targets_are_counted() {
    let mut dropping = job("test", &["keep:1", "drop:1", "drop:2", "http://x"]);
    dropping.relabel = vec![
        RelabelRule::new(RelabelConfig {
            source_labels: vec!["__address__".to_owned()],
            regex: "drop:.*".to_owned(),
            action: RelabelAction::Drop,
            ..RelabelConfig::default()
        })
        .expect("a valid rule"),
    ];
    dropping.limits.kept_dropped_targets = Some(1);
    let manager = start(vec![dropping], &Arc::new(MemorySource::new()));
    assert_eq!(manager.targets().len(), 1);
    let dropped = manager.dropped_targets();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].discovered_labels.get("__address__"), Some("drop:1"));
    assert_eq!(manager.dropped_target_counts().get("test"), Some(&2));
    assert_eq!(manager.stats().invalid_targets, 1);
    assert_eq!(manager.stats().targets, [("test".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_cannot_run_change_nothing() {
    let store = Arc::new(MemorySource::new());
    let manager = start(vec![job("test", &["t:1"])], &store);
    let check = |change: fn(&mut ScrapeJob), expected: &str| {
        let mut wrong = job("wrong", &["t:1"]);
        change(&mut wrong);
        let error = manager.apply(vec![job("test", &[]), wrong]).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(manager.targets().len(), 1);
    };
    check(
        |job| job.job_name = "test".to_owned(),
        "more than one scrape job with the name \"test\"",
    );
    check(|job| job.job_name = String::new(), "the job name is empty");
    check(
        |job| job.scrape_interval_ms = 0,
        "the scrape interval must be longer than 0",
    );
    check(
        |job| job.scrape_timeout_ms = 10_001,
        "longer than the scrape interval",
    );
    check(
        |job| {
            job.transport = Arc::new(HttpTransport::default());
            job.scheme = "https".to_owned();
        },
        "scrape job \"wrong\": scheme \"https\" is not supported yet",
    );
}

#[test]
fn a_runtime_is_needed() {
    let store = Arc::new(MemorySource::new());
    let clock = Arc::new(SystemClock::new());
    let started = ScrapeManager::start(Vec::new(), ScrapeSettings::default(), store, clock);
    assert_eq!(started.expect_err("no runtime"), JobError::NoRuntime);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_down_and_comes_back() {
    let store = Arc::new(MemorySource::new());
    let calls = AtomicUsize::new(0);
    let mut panicking = job("test", &["t:1"]);
    panicking.transport = Arc::new(InProcessTransport::new(move || {
        assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 1, "the second call fails");
        b"# TYPE a counter\na 1\n".to_vec()
    }));
    let manager = start(vec![panicking], &store);
    pass_seconds(30).await;
    assert_eq!(
        values(&samples(&store, "up", "t:1")),
        [Some(1.0), Some(0.0), Some(1.0)]
    );
    assert_eq!(values(&samples(&store, "a", "t:1")), [Some(1.0), None, Some(1.0)]);
    let metadata = manager.metadata();
    assert_eq!(
        (
            metadata[0].metrics[0].name.as_str(),
            metadata[0].metrics[0].kind.as_str()
        ),
        ("a", "counter")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_hangs_is_not_called_again() {
    let store = Arc::new(MemorySource::new());
    let calls = Arc::new(AtomicUsize::new(0));
    let is_stuck = Arc::new(AtomicBool::new(true));
    let (for_source, stuck_for_source) = (calls.clone(), is_stuck.clone());
    let mut hanging = job("test", &["t:1"]);
    hanging.scrape_interval_ms = 20;
    hanging.scrape_timeout_ms = 10;
    hanging.first_scrape = FirstScrape::Immediately;
    hanging.transport = Arc::new(InProcessTransport::new(move || {
        for_source.fetch_add(1, Ordering::Relaxed);
        while stuck_for_source.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        b"a 1\n".to_vec()
    }));
    let clock = Arc::new(SystemClock::new());
    let manager =
        ScrapeManager::start(vec![hanging], ScrapeSettings::default(), store, clock).expect("valid");
    let failures = || manager.stats().failures;
    while failures().timeout == 0 || failures().source == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    is_stuck.store(false, Ordering::Relaxed);
    while manager.targets()[0].health != TargetHealth::Up {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    manager.shutdown().await;
}

/// Refuses batches while it is full.
#[derive(Default)]
struct FillingSink {
    store: MemorySource,
    is_full: Mutex<bool>,
}

impl SampleSink for FillingSink {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        if *self.is_full.lock().expect("no panic") {
            return Err(SinkError::Full("no space left".to_owned()));
        }
        self.store.append(batch)
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_an_error_of_the_target_until_there_is_space() {
    let sink = Arc::new(FillingSink::default());
    let clock = Arc::new(TokioClock::new());
    let jobs = vec![job("test", &["t:1"])];
    let manager = ScrapeManager::start(jobs, ScrapeSettings::default(), sink.clone(), clock).expect("valid");
    let fill = |is_full| *sink.is_full.lock().expect("no panic") = is_full;
    pass_seconds(10).await;
    fill(true);
    pass_seconds(10).await;
    assert_eq!(manager.targets()[0].last_error, "storage is full: no space left");
    assert_eq!(manager.targets()[0].health, TargetHealth::Down);
    fill(false);
    pass_seconds(10).await;
    assert_eq!(manager.targets()[0].health, TargetHealth::Up);
    assert_eq!(manager.stats().failures.storage, 1);
    assert_eq!(values(&samples(&sink.store, "a", "t:1")), [Some(1.0); 2]);
    manager.shutdown().await;
}
