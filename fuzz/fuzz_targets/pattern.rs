//! Patterns and their short cuts against the regular expression engine: the pattern, a line feed, then a value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::check_pattern;

fuzz_target!(|input: &str| {
    let (pattern, value) = input.split_once('\n').unwrap_or((input, ""));
    check_pattern(pattern, value);
});
