//! Any bytes as a page of the protobuf exposition.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_protobuf_exposition;

fuzz_target!(|bytes: &[u8]| check_protobuf_exposition(bytes));
