//! An embedded time series database that speaks Prometheus's on-disk formats.
//!
//! [`Db`] keeps series and samples in memory, compressed, and a write-ahead log on disk; opening the directory again
//! reads the log back. Point it at a directory of Prometheus that has no blocks yet and it carries on; point Prometheus
//! at its directory and so does it. It implements [`SampleSink`] and [`SeriesSource`], the two seams of
//! [`moheng_metrics`], so anything that produces or queries samples works with it.
//!
//! * [`Settings`] are what users tune; [`WalSync`] is what a power cut can take.
//! * [`Db::delete`] hides samples for good; [`Db::exemplars`], [`Db::metadata`] and [`Db::cardinality`] tell more about series.
//! * [`storage`] is the only door to the disk: real, in memory, or your own.
//! * [`backup`] copies a running database, verifies and restores.
//! * [`verify`](mod@verify) reads all of a data directory and names what is wrong with it.
//! * [`Stats`] is what it counts, as plain numbers.
//!
//! ```
//! use moheng_metrics::{
//!     AppendBatch, Labels, Matcher, SampleBuffer, SampleSink, Select, SeriesSource,
//! };
//! use moheng_tsdb::{Db, Settings};
//!
//! let path = std::env::temp_dir().join(format!("moheng-doc-{}", std::process::id()));
//! let db = Db::open(&path, Settings::default())?;
//! let labels = Labels::from_pairs([("__name__", "room_temperature_celsius"), ("room", "kitchen")]);
//! let mut batch = AppendBatch::new();
//! batch.push_labels(&labels, 1_700_000_000_000, 21.5);
//! batch.push_labels(&labels, 1_700_000_015_000, 21.75);
//! db.append(&batch)?;
//!
//! let select = Select::new(vec![Matcher::equal("room", "kitchen")], i64::MIN, i64::MAX);
//! let mut cursor = db.select(&select)?;
//! let mut series = cursor.next_series()?.expect("one series matches");
//! let mut samples = SampleBuffer::new();
//! while series.samples.read(&mut samples)? {}
//! assert_eq!(samples.floats.values, [21.5, 21.75]);
//! # drop(series);
//! # drop(cursor);
//! # drop(db);
//! # std::fs::remove_dir_all(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`SampleSink`]: moheng_metrics::SampleSink
//! [`SeriesSource`]: moheng_metrics::SeriesSource

pub mod backup;
pub mod block;
pub mod compact;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verify;

mod chunk;
mod db;
mod error;
mod format;
mod head;
mod index;
mod query;
mod settings;
mod stats;
mod wal;

pub use db::{Compacted, Db, DbBuilder, DeletedSeries, ImportOptions, ReloadedBlocks};
pub use error::Error;
pub use format::wal_page::Compression as WalCompression;
pub use settings::{Limits, Settings, WalSync};
pub use stats::{
    Cardinality, DamageStats, DamagedBlock, ExemplarStats, HeadStats, ReplayStats, SampleStats, SpaceStats,
    Stats, WalStats,
};
