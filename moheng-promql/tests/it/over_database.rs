//! All scripts over the database: with all samples in memory, and with all samples in blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    AppendBatch, Appended, Labels, SampleSink, Select, SeriesCursor, SeriesSource, SinkError, SourceError,
};
use moheng_promql::EngineSettings;
use moheng_promql::testing::{Runner, TestStore};
use moheng_tsdb::storage::MemoryDirectory;
use moheng_tsdb::{Db, Settings, WalSync};

use crate::{conformance, scripts};

/// Far enough behind another sample to make that due to move to a block.
const DAY_MS: i64 = 86_400_000;
/// Later than anything in a script.
const FAR_FUTURE_MS: i64 = 1 << 52;

fn open(out_of_order_window_ms: i64) -> Db {
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    settings.start_timestamps = true;
    settings.out_of_order_window_ms = out_of_order_window_ms;
    Db::builder(Arc::new(MemoryDirectory::new()))
        .settings(settings)
        .clock(Arc::new(ManualClock::new(2 * FAR_FUTURE_MS)))
        .without_worker()
        .open()
        .unwrap()
}

fn in_memory() -> Box<dyn TestStore> {
    Box::new(open(0))
}

fn in_blocks() -> Box<dyn TestStore> {
    Box::new(Blocks {
        db: open(2 * FAR_FUTURE_MS),
        is_compacted: AtomicBool::new(true),
        future_ms: AtomicI64::new(FAR_FUTURE_MS),
    })
}

/// A database that moves everything into blocks before it is read.
struct Blocks {
    db: Db,
    is_compacted: AtomicBool,
    future_ms: AtomicI64,
}

impl Blocks {
    fn compacted(&self) -> &Db {
        if !self.is_compacted.swap(true, Ordering::Relaxed) {
            // A sample so much later makes all others due; those that come behind it are late.
            let future_ms = self.future_ms.fetch_add(DAY_MS, Ordering::Relaxed);
            let labels = Labels::from_pairs([("far_future", "yes")]);
            let mut batch = AppendBatch::new();
            batch.push_labels(&labels, future_ms, 1.0);
            self.db.append(&batch).unwrap();
            let compacted = self.db.compact().unwrap();
            assert!(compacted.head_blocks + compacted.late_blocks > 0, "{compacted:?}");
        }
        &self.db
    }
}

impl SeriesSource for Blocks {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        self.compacted().select(select)
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        self.compacted().label_names(select)
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        self.compacted().label_values(name, select)
    }
}

impl SampleSink for Blocks {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        self.is_compacted.store(false, Ordering::Relaxed);
        self.db.append(batch)
    }

    fn sync(&self) -> Result<(), SinkError> {
        self.db.sync()
    }
}

/// Runs the scripts of this crate and the conformance scripts.
fn check(make_store: fn() -> Box<dyn TestStore>) {
    let run = |settings: EngineSettings, name: &str, text: &str| {
        let report = Runner::with_store(settings, make_store).run(text).unwrap();
        assert!(report.total > 0, "{name} evaluates nothing");
        let failures = report.failures.iter();
        failures
            .map(|failure| format!("{name}: {failure}"))
            .collect::<Vec<_>>()
    };
    let own = scripts::texts();
    let settings = |name: &str| match name {
        scripts::WITHOUT_DELAY => EngineSettings::default(),
        _ => Runner::script_settings(),
    };
    let own = own
        .iter()
        .flat_map(|(name, text)| run(settings(name), name, text));
    let others = conformance::texts().unwrap_or_default();
    let others = others
        .iter()
        .flat_map(|(name, text)| run(Runner::script_settings(), name, text));
    let failures: Vec<String> = own.chain(others).collect();
    assert!(failures.is_empty(), "{}: {failures:#?}", failures.len());
}

#[test]
fn in_memory_of_the_database() {
    check(in_memory);
}

#[test]
fn in_blocks_of_the_database() {
    check(in_blocks);
}
