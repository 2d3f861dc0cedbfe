//! Prints the metrics of this machine in the text format, as Node Exporter would serve them.
//!
//! `cargo run --release --example host -- 1000` collects a thousand times first and says what one collection costs.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use moheng_collect::{HostCollectors, HostOptions};
use moheng_metrics::{Clock, SystemClock, write_text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let host = HostCollectors::new(&HostOptions::default(), Arc::clone(&clock))?;
    if let Some(rounds) = env::args().nth(1) {
        let rounds: u32 = rounds.parse()?;
        let (cpu_before, start) = (cpu_seconds()?, clock.monotonic());
        let mut text = String::new();
        for _ in 0..rounds {
            text.clear();
            write_text(&host.collect(), &mut text);
        }
        let cpu_ms = (cpu_seconds()? - cpu_before) * 1000.0 / f64::from(rounds);
        let wall_ms = clock.monotonic().saturating_sub(start).as_secs_f64() * 1000.0 / f64::from(rounds);
        writeln!(
            io::stderr(),
            "{cpu_ms:.3} ms CPU, {wall_ms:.3} ms wall time, {} bytes",
            text.len()
        )?;
    }
    let collection = host.collect_only(|_| true);
    for outcome in &collection.outcomes {
        if let Some(error) = &outcome.error {
            writeln!(io::stderr(), "{}: {error}", outcome.name)?;
        }
    }
    let mut text = String::new();
    write_text(&collection.families, &mut text);
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// The CPU time this process has used, in user mode and in the kernel.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: Vec<f64> = fields
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
