//! Any bytes as a record of the log; what is read is written and read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_tsdb::testing::recode_record;

fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = recode_record(bytes) {
        // Nothing at all is written as nothing, which is not a record.
        if !again.is_empty() {
            assert_eq!(recode_record(&again), Some(again.clone()));
        }
    }
});
