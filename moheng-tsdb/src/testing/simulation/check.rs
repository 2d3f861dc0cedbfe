//! Runs of a seed: without faults, with faults at some or all operations, and what failed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::choices::Choices;
use super::plan::Plan;
use super::shorten::shortened;
use super::strike::{KINDS, Strike};
use super::world::{Tally, World};

/// How much a seed is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// A longer workload, without a fault and then with faults at some operations on the disk, so many times.
    Some(u32),
    /// A short workload, with every kind of fault at every operation on the disk, then at every operation of the recovery
    /// after crashes.
    Every,
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Runs of a workload.
    pub runs: u64,
    /// Operations on the disk.
    pub operations: u64,
    /// Operations on the disk that failed.
    pub faults: u64,
    /// Samples in the databases at the end.
    pub samples: u64,
    /// Blocks written, joined or removed because of the retention.
    pub blocks: u64,
    /// Openings of a database.
    pub opened: u64,
}

/// A run in which the database did something wrong.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What it did wrong.
    pub message: String,
    pub(super) plan: Plan,
    pub(super) strikes: Vec<Strike>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.message)?;
        for strike in &self.strikes {
            writeln!(f, "with {strike:?}")?;
        }
        writeln!(f, "in {:?}, clock {}", self.plan.settings, self.plan.start_ms)?;
        for (number, operation) in self.plan.operations.iter().enumerate() {
            writeln!(f, "{number:4} {operation:?}")?;
        }
        Ok(())
    }
}

impl Summary {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.faults += other.faults;
        self.samples += other.samples;
        self.blocks += other.blocks;
        self.opened += other.opened;
    }

    fn count(&mut self, tally: &Tally) {
        self.runs += 1;
        self.operations += tally.operations;
        self.faults += tally.fired;
        self.samples += tally.samples;
        self.blocks += tally.head_blocks + tally.joined_blocks + tally.expired_blocks;
        self.opened += tally.opened;
    }
}

/// Tries a seed. The same seed and effort do the same every time.
///
/// # Errors
///
/// The first run in which the database did something wrong, made as short as is cheap.
pub fn check_seed(seed: u64, effort: Effort) -> Result<Summary, Box<Failure>> {
    let mut choices = Choices::from_seed(seed);
    let length = match effort {
        Effort::Some(_) => 60,
        Effort::Every => 14,
    };
    let plan = Plan::new(&mut choices, length);
    let mut summary = Summary::default();
    let run = |strikes: Vec<Strike>, summary: &mut Summary| -> Result<Tally, Box<Failure>> {
        let tally = run(&plan, &strikes).map_err(|message| {
            let failure = shortened(Failure {
                message,
                plan: plan.clone(),
                strikes,
            });
            Box::new(failure)
        })?;
        summary.count(&tally);
        Ok(tally)
    };
    let whole = run(Vec::new(), &mut summary)?;
    match effort {
        Effort::Some(times) => {
            for _ in 0..times {
                let strikes = Strike::some(&mut choices, whole.operations);
                run(strikes, &mut summary)?;
            }
        }
        Effort::Every => {
            for at in 0..whole.operations {
                for kind in 0..KINDS {
                    let first = Strike::of_kind(kind, at, seed.wrapping_add(at));
                    run(vec![first], &mut summary)?;
                }
            }
            for at in 0..whole.operations {
                let mut second = at + 1;
                loop {
                    let kinds = [choices.below(4), choices.below(KINDS)];
                    let strikes = vec![
                        Strike::of_kind(kinds[0], at, choices.below(1 << 32)),
                        Strike::of_kind(kinds[1], second, choices.below(1 << 32)),
                    ];
                    let tally = run(strikes, &mut summary)?;
                    second += 1;
                    if tally.recovery.is_none_or(|_| second > at + 40) {
                        break;
                    }
                }
            }
        }
    }
    Ok(summary)
}

/// Tries what the bytes of a fuzzer say.
///
/// # Panics
///
/// When the database does something wrong.
pub fn check_bytes(bytes: &[u8]) {
    let mut choices = Choices::Bytes(bytes);
    let strikes = Strike::some(&mut choices, 500);
    let plan = Plan::new(&mut choices, 200);
    if let Err(message) = World::new(&plan, strikes.clone()).run() {
        let failure = Failure {
            message,
            plan,
            strikes,
        };
        assert!(failure.message.is_empty(), "{failure}");
    }
}

/// Carries out a plan; a panic is a failure too.
pub(super) fn run(plan: &Plan, strikes: &[Strike]) -> Result<Tally, String> {
    let run = AssertUnwindSafe(|| World::new(plan, strikes.to_vec()).run());
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}
