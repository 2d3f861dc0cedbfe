//! The contract suites of the two seams.

use std::sync::Arc;

use moheng_metrics::testing::{sink_suite, source_suite};
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
