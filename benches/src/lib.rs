//! What the benches share: the workload, and databases filled with it.
//!
//! The series are shaped like Node Exporter's: two thirds never change or count slowly, the rest are counters and gauges that move.

mod allocations;

use std::sync::Arc;

use moheng_metrics::testing::NodeWorkload;
use moheng_metrics::{AppendBatch, SampleSink, SeriesRef};
use moheng_tsdb::storage::MemoryDirectory;
use moheng_tsdb::{Db, Error, Settings, WalSync};

pub use allocations::{CountingAllocator, allocations_of};

/// Time between scrapes, the 15 s of a small fleet.
pub const INTERVAL_MS: i64 = 15_000;

/// The samples of a series in the filled databases: half an hour, and a full chunk.
pub const STEPS: u64 = 120;

/// A fleet of `instances` nodes, scraped every [`INTERVAL_MS`] from a fixed time on.
pub fn fleet(instances: usize) -> NodeWorkload {
    NodeWorkload::new(instances).with_times(1_790_000_000_000, INTERVAL_MS)
}

/// An empty database in memory that syncs only when a segment is full, so that a bench measures the processor.
///
/// # Errors
///
/// When the database cannot be opened.
pub fn empty_database() -> Result<Db, Error> {
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    Db::builder(Arc::new(MemoryDirectory::new()))
        .settings(settings)
        .without_worker()
        .open()
}

/// A database with [`STEPS`] scrapes of the fleet.
///
/// # Errors
///
/// When the database cannot be opened or does not take the samples.
pub fn filled_database(fleet: &NodeWorkload) -> Result<Db, Box<dyn std::error::Error>> {
    let db = empty_database()?;
    for step in 0..STEPS {
        db.append(&fleet.batch(step))?;
    }
    Ok(db)
}

/// The references of all series of the fleet, after their first sample at step 0.
///
/// # Errors
///
/// When the database does not take the samples.
pub fn register(db: &Db, fleet: &NodeWorkload) -> Result<Vec<SeriesRef>, Box<dyn std::error::Error>> {
    let outcomes = db.append(&fleet.batch(0))?.outcomes;
    Ok(outcomes.into_iter().collect::<Result<_, _>>()?)
}

/// One scrape of the whole fleet, named by references as the scraper does it.
pub fn scrape<'a>(fleet: &NodeWorkload, references: &[SeriesRef], step: u64) -> AppendBatch<'a> {
    let mut batch = AppendBatch::new();
    for (series, reference) in references.iter().enumerate() {
        batch.push_reference(*reference, fleet.timestamp_ms(step), fleet.value(series, step));
    }
    batch
}
