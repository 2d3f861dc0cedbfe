//! Any bytes as a record of a chunk snapshot, or of its supplement; what is read is written and read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_tsdb::testing::{recode_snapshot_extent, recode_snapshot_record};

fuzz_target!(|bytes: &[u8]| {
    for recode in [recode_snapshot_record, recode_snapshot_extent] {
        if let Some(again) = recode(bytes) {
            assert_eq!(recode(&again), Some(again.clone()));
        }
    }
});
