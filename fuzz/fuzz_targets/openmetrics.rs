//! The OpenMetrics parser against an obvious one, with right and wrong guesses of the next series.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_openmetrics;

fuzz_target!(|text: &[u8]| check_openmetrics(text));
