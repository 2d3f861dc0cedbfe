//! Any bytes as the small files of a data directory that have no target of their own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_tsdb::testing::check_file;

fuzz_target!(|bytes: &[u8]| check_file(bytes));
