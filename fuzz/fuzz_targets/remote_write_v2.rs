//! Any bytes as a request of remote write 2.0, plain and as a Snappy block.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::remote_write::WriteMessage;
use moheng_metrics::testing::check_remote_write;

fuzz_target!(|bytes: &[u8]| check_remote_write(WriteMessage::V2, bytes));
