//! Runs the simulation of crashes and failing disks with many seeds, on all processors.
//!
//! `MOHENG_SEEDS=100000 cargo run --release -p moheng-tsdb --features testing --example simulate`
//!
//! * `MOHENG_SEED=N` begins with seed N, 0 when not given; with `MOHENG_SEEDS` not given, that seed alone is run.
//! * `MOHENG_EFFORT=every` tries every fault at every operation of short workloads instead of some faults in longer ones.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports what it finds"
)]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use moheng_tsdb::testing::simulation::{Effort, Summary, check_seed};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let number = |name: &str| -> Result<Option<u64>, Box<dyn Error>> {
        match std::env::var(name) {
            Ok(text) => Ok(Some(
                text.parse().map_err(|error| format!("{name}={text}: {error}"))?,
            )),
            Err(_) => Ok(None),
        }
    };
    let first = number("MOHENG_SEED")?;
    let count = number("MOHENG_SEEDS")?.unwrap_or(if first.is_some() { 1 } else { 1000 });
    let first = first.unwrap_or(0);
    let effort = match std::env::var("MOHENG_EFFORT").as_deref() {
        Err(_) => Effort::Some(8),
        Ok("every") => Effort::Every,
        Ok(other) => return Err(format!("MOHENG_EFFORT={other}: only \"every\" is known").into()),
    };
    let next = AtomicU64::new(first);
    let failed = AtomicU64::new(0);
    let total = Mutex::new(Summary::default());
    let threads = thread::available_parallelism()?.get() as u64;
    let done = |next: u64| next.saturating_sub(first).min(count);
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - first >= count || failed.load(Ordering::Relaxed) > 0 {
                        break;
                    }
                    match check_seed(seed, effort) {
                        Ok(summary) => {
                            if let Ok(mut total) = total.lock() {
                                total.add(&summary);
                            }
                        }
                        Err(failure) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("seed {seed}: {failure}");
                            println!("again: MOHENG_SEED={seed} and the other settings as now");
                        }
                    }
                }
            });
        }
        let mut shown = first;
        loop {
            thread::sleep(Duration::from_millis(200));
            let now = next.load(Ordering::Relaxed);
            if done(now) >= count || failed.load(Ordering::Relaxed) > 0 {
                break;
            }
            if now - shown >= (count / 50).max(1) {
                shown = now;
                eprintln!("{} of {count} seeds", done(now));
            }
        }
    });
    if failed.into_inner() > 0 {
        return Ok(ExitCode::FAILURE);
    }
    println!("{count} seeds from {first}: {:?}", total.into_inner()?);
    Ok(ExitCode::SUCCESS)
}
