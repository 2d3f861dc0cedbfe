//! No file of /proc or /sys makes a parser panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| moheng_collect::testing::parse_host_files(content));
