//! [`Strike`]: what goes wrong during a run, and when.

use super::choices::Choices;
use crate::storage::{Fault, Injection};

/// A fault at an operation on the disk, counted from the start of the run over all crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) injection: Injection,
    /// What is left when it is a crash.
    pub(super) end: End,
}

/// How a process or a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The process dies. What it wrote is still in the memory of the system, and no more durable than before.
    Process,
    /// The power goes; nothing that was not synced is left.
    Power,
    /// The power goes; anything of what was not synced is left, as this seed says.
    TornPower(u64),
}

/// All that can go wrong at one operation.
pub(super) const KINDS: u64 = 10;

impl Strike {
    /// The fault with this number, below [`KINDS`], at this operation.
    pub(super) fn of_kind(kind: u64, at: u64, seed: u64) -> Self {
        let (fault, count, written_percent, end) = match kind {
            0 => (Fault::Crash, 1, 30, End::Process),
            1 => (Fault::Crash, 1, 100, End::Power),
            2 => (Fault::Crash, 1, 70, End::TornPower(seed)),
            3 => (Fault::Crash, 1, 100, End::TornPower(seed)),
            4 => (Fault::Io, 1, 50, End::Process),
            5 => (Fault::Io, 1, 100, End::Process),
            6 => (Fault::Io, 1 + seed % 4, seed % 101, End::Process),
            7 => (Fault::Io, u64::MAX, 0, End::Process),
            8 => (Fault::Full, 1 + seed % 8, seed % 101, End::Process),
            _ => (Fault::Full, u64::MAX, 50, End::Process),
        };
        Self {
            injection: Injection {
                at,
                fault,
                count,
                written_percent,
            },
            end,
        }
    }

    /// Some strikes, ascending, in a run of so many operations; the second and later ones often soon after the one before.
    pub(super) fn some(choices: &mut Choices<'_>, operations: u64) -> Vec<Self> {
        let mut strikes: Vec<Self> = Vec::new();
        let mut at = choices.below(operations);
        for _ in 0..=choices.below(3) {
            let seed = choices.below(1 << 32);
            if choices.one_in(16) {
                strikes.push(Self {
                    injection: Injection {
                        at,
                        fault: Fault::ShortRead,
                        count: 1000,
                        written_percent: 0,
                    },
                    end: End::Process,
                });
            } else {
                strikes.push(Self::of_kind(choices.below(KINDS), at, seed));
            }
            at += 1 + if choices.below(2) == 0 {
                choices.below(60)
            } else {
                choices.below(operations)
            };
        }
        strikes
    }
}
