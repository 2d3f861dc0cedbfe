//! The contract suites of the two seams.

use std::sync::Arc;

use moheng_metrics::testing::{
    exemplar_suite, histogram_suite, metadata_suite, sink_suite, source_suite, start_timestamp_suite,
};
use moheng_tsdb::storage::MemoryDirectory;
use moheng_tsdb::{Db, WalSync};

use crate::support::{open, settings};

fn in_memory() -> Db {
    open(Arc::new(MemoryDirectory::new()), WalSync::Always)
}

#[test]
fn sink_in_memory() {
    sink_suite(&in_memory);
}

#[test]
fn source_in_memory() {
    source_suite(&in_memory);
}

#[test]
fn histograms_in_memory() {
    histogram_suite(&in_memory);
}

#[test]
fn exemplars_in_memory() {
    exemplar_suite(&in_memory, &|db: &Db, select| {
        db.exemplars(std::slice::from_ref(select))
    });
}

#[test]
fn metadata_in_memory() {
    metadata_suite(&in_memory, &|db: &Db, select| {
        let known = db.metadata(select).into_iter();
        known
            .map(|(labels, metadata)| (labels, (*metadata).clone()))
            .collect()
    });
}

#[test]
fn start_timestamps_in_memory() {
    let make = || {
        let mut settings = settings(WalSync::Always);
        settings.start_timestamps = true;
        Db::builder(Arc::new(MemoryDirectory::new()))
            .settings(settings)
            .without_worker()
            .open()
            .unwrap()
    };
    start_timestamp_suite(&make, true);
    histogram_suite(&make);
    sink_suite(&make);
}

#[test]
fn both_in_a_real_directory() {
    let root = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let make = || {
        number.set(number.get() + 1);
        Db::open(root.path().join(number.get().to_string()), settings(WalSync::Os)).unwrap()
    };
    sink_suite(&make);
    source_suite(&make);
}
