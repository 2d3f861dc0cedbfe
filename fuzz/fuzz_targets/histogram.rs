//! Computations with any two native histograms: nothing panics, and no observation is lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_histogram;

fuzz_target!(|data: &[u8]| check_histogram(data));
