//! Making a failure short: what is not needed for it is left out.

use super::check::{Failure, run};
use super::plan::{Operation, Plan};
use super::strike::Strike;

/// The failure without faults, operations and samples without which there is still one.
pub(super) fn shortened(failure: Failure) -> Failure {
    let mut shorter = without_strikes(failure);
    shorter = without_operations(shorter);
    shorter = without_samples(shorter);
    without_strikes(without_operations(shorter))
}

fn try_run(plan: &Plan, strikes: &[Strike]) -> Option<Failure> {
    let message = run(plan, strikes).err()?;
    Some(Failure {
        message,
        plan: plan.clone(),
        strikes: strikes.to_vec(),
    })
}

fn without_strikes(mut failure: Failure) -> Failure {
    let mut index = 0;
    while index < failure.strikes.len() {
        let mut strikes = failure.strikes.clone();
        strikes.remove(index);
        match try_run(&failure.plan, &strikes) {
            Some(shorter) => failure = shorter,
            None => index += 1,
        }
    }
    failure
}

/// Leaving out operations moves those on the disk, so near ones are tried, too.
fn try_moved(plan: &Plan, strikes: &[Strike]) -> Option<Failure> {
    const FARTHEST: u64 = 60;
    let most = strikes.first().map_or(0, |strike| strike.injection.at);
    (0..=most.min(FARTHEST)).find_map(|earlier| {
        let mut moved = strikes.to_vec();
        for strike in &mut moved {
            strike.injection.at = strike.injection.at.saturating_sub(earlier);
        }
        try_run(plan, &moved)
    })
}

fn without_operations(mut failure: Failure) -> Failure {
    let mut step = failure.plan.operations.len().div_ceil(2);
    while step > 0 {
        let mut start = 0;
        while start < failure.plan.operations.len() {
            let mut plan = failure.plan.clone();
            let end = (start + step).min(plan.operations.len());
            plan.operations.drain(start..end);
            match try_moved(&plan, &failure.strikes) {
                Some(shorter) => failure = shorter,
                None => start += step,
            }
        }
        step /= 2;
    }
    failure
}

fn without_samples(mut failure: Failure) -> Failure {
    for number in 0..failure.plan.operations.len() {
        let count = |failure: &Failure| match failure.plan.operations.get(number) {
            Some(Operation::Append(samples)) => samples.len(),
            _ => 0,
        };
        let mut step = count(&failure).div_ceil(2);
        while step > 0 {
            let mut start = 0;
            while start < count(&failure) {
                let mut plan = failure.plan.clone();
                if let Some(Operation::Append(samples)) = plan.operations.get_mut(number) {
                    samples.drain(start..(start + step).min(samples.len()));
                }
                match try_run(&plan, &failure.strikes) {
                    Some(shorter) => failure = shorter,
                    None => start += step,
                }
            }
            step /= 2;
        }
    }
    failure
}
