//! Pages read as families, written, and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_families;

fuzz_target!(|page: &[u8]| check_families(page));
