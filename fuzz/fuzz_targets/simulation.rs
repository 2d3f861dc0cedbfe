//! The bytes decide what happens to a database, when its disk fails and when the power goes; a model says what it must hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_tsdb::testing::simulation::check_bytes;

fuzz_target!(|bytes: &[u8]| check_bytes(bytes));
