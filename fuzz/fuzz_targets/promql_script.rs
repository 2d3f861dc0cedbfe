//! Any text as a script of the test language: it is refused, or it runs to its end.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use moheng_promql::testing::Runner;

/// More points than so many times three digits would only take time.
fn repeats_little(script: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    script.split('x').skip(1).all(|rest| digits(rest) <= 3)
}

fuzz_target!(|script: &str| {
    if !repeats_little(script) {
        return;
    }
    let mut settings = Runner::script_settings();
    settings.max_samples = 50_000;
    settings.timeout = Duration::from_secs(5);
    if let Ok(report) = Runner::with_settings(settings).run(script) {
        assert_eq!(report.passed + report.failures.len(), report.total, "{script:?}");
    }
});
