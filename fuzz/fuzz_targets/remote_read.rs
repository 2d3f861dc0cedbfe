//! Any bytes as question and answers of remote read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_remote_read;

fuzz_target!(|bytes: &[u8]| check_remote_read(bytes));
