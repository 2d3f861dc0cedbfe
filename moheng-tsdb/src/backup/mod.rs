//! Backups: a consistent point of a data directory, copied, verified and restored over the storage seam.
//!
//! A backup is a directory with the files of the database under their own paths and a `manifest.json`, which is written
//! last: a directory without one is not a backup. A restored directory opens with [`Db`](crate::Db) and with Prometheus.
//!
//! ```
//! use moheng_metrics::{AppendBatch, Labels, SampleSink};
//! use moheng_tsdb::storage::MemoryDirectory;
//! use moheng_tsdb::{Db, backup};
//! use std::sync::Arc;
//!
//! let db = Db::builder(Arc::new(MemoryDirectory::new())).open()?;
//! let labels = Labels::from_pairs([("__name__", "up")]);
//! let mut batch = AppendBatch::new();
//! batch.push_labels(&labels, 1000, 1.0);
//! db.append(&batch)?;
//!
//! let destination = MemoryDirectory::new();
//! db.snapshot()?.write_to(&destination)?;
//! let manifest = backup::verify(&destination)?;
//! assert_eq!((manifest.series_count, manifest.sample_count), (1, 1));
//!
//! let restored = Arc::new(MemoryDirectory::new());
//! backup::restore(&destination, &*restored)?;
//! assert_eq!(Db::builder(restored).open()?.time_range(), Some((1000, 1000)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod copy;
mod manifest;
mod restore;
mod scan;
mod snapshot;

pub use manifest::{Manifest, ManifestFile};
pub use restore::{read_manifest, restore, verify};
pub(crate) use scan::pin;
pub use scan::read_directory;
pub use snapshot::{Snapshot, SnapshotReader};
