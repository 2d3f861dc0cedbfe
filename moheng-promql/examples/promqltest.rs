//! Runs scripts of the promqltest language.
//!
//!     cargo run --release -p moheng-promql --example promqltest -- FILE...
//!
//! Every evaluation of a script counts once, and passes when all its forms pass: as it stands, with `@` at every selector,
//! and as a range query. The exit status is 1 when one failed or none was run.

use std::io::{self, Write, stdout};
use std::process::ExitCode;

use moheng_promql::testing::Runner;

fn main() -> io::Result<ExitCode> {
    let mut out = stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    for file in std::env::args().skip(1) {
        let result = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        let result = result.and_then(|text| Runner::new().run(&text).map_err(|error| error.to_string()));
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                failed += 1;
                writeln!(out, "{file}: {error}")?;
                continue;
            }
        };
        for failure in &report.failures {
            writeln!(
                out,
                "{file}:{}: {}\n    {}",
                failure.line, failure.query, failure.message
            )?;
        }
        writeln!(
            out,
            "{file}: {} passed, {} failed",
            report.passed,
            report.failures.len()
        )?;
        passed += report.passed;
        failed += report.failures.len();
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(ExitCode::from(u8::from(failed > 0 || passed == 0)))
}
