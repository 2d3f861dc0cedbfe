//! Writes a metric in the text format, and reads what a target exposes.
//!
//!     cargo run -p moheng-metrics --example exposition

use std::error::Error;
use std::io::{Write, stdout};

use moheng_metrics::{MetricFamily, MetricKind, TextEntry, TextParser, write_text};

fn main() -> Result<(), Box<dyn Error>> {
    let mut jobs = MetricFamily::new(
        "jobs_processed_total",
        MetricKind::Counter,
        "Jobs finished since the start.",
    );
    jobs.push([("queue", "mail")], 12_345.0);
    jobs.push([("queue", "video \"4k\"")], 6.0);

    let mut text = String::new();
    write_text(&[jobs], &mut text);
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;

    let mut parser = TextParser::new(text.as_bytes());
    while let Some(entry) = parser.next_entry(b"")? {
        if let TextEntry::Sample(sample) = entry {
            writeln!(out, "{} is {}", sample.labels()?, sample.value)?;
        }
    }

    // Errors say where.
    if let Err(error) = TextParser::new(b"up 1\nup{job=node} 1\n").try_for_each(|entry| entry.map(drop)) {
        writeln!(out, "{error}")?;
    }
    Ok(())
}
