//! Collector `timex`: how well the clock keeps time.

use moheng_metrics::MetricFamily;

use super::adjtimex::{KernelClock, adjtimex};
use super::families::FamilySet;
use super::function::Roots;
use super::io_error;
use crate::CollectError;

pub(super) const NAME: &str = "timex";

const NOT_SYNCHRONIZED: i32 = 5;
/// The bit of the status that says that some times are in nanoseconds rather than microseconds.
const STATUS_NANOSECONDS: i32 = 0x2000;
const US_PER_SECOND: f64 = 1e6;
const NS_PER_SECOND: f64 = 1e9;
/// Parts per million with a fraction of 16 bits.
const PARTS_PER_RATIO: f64 = 1e6 * 65536.0;

pub(super) fn collect(_roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let clock = adjtimex().map_err(|source| io_error(NAME, source))?;
    let mut families = FamilySet::default();
    add(&clock, &mut families);
    families.append_to(out);
    Ok(())
}

fn add(clock: &KernelClock, families: &mut FamilySet) {
    let timex = &clock.timex;
    let units = if timex.status & STATUS_NANOSECONDS != 0 {
        NS_PER_SECOND
    } else {
        US_PER_SECOND
    };
    let offset = timex.offset as f64 / units;
    let mut add = |name: &str, help: &str, value: f64| {
        families.add(&format!("node_timex_{name}"), help, &[], value);
    };
    let is_synchronized = clock.state != NOT_SYNCHRONIZED;
    let help = "Whether the clock is synchronized (1) or not (0).";
    add("sync_status", help, f64::from(u8::from(is_synchronized)));
    add(
        "offset_seconds",
        "How far the clock is from its reference.",
        offset,
    );
    let ratio = 1.0 + timex.freq as f64 / PARTS_PER_RATIO;
    add(
        "frequency_adjustment_ratio",
        "How fast the clock is made to run.",
        ratio,
    );
    let seconds = |us: libc::c_long| us as f64 / US_PER_SECOND;
    add(
        "maxerror_seconds",
        "The largest error the clock may have.",
        seconds(timex.maxerror),
    );
    add(
        "estimated_error_seconds",
        "The error the clock probably has.",
        seconds(timex.esterror),
    );
    add("status", "Bits of the clock's status.", timex.status.into());
    let help = "How quickly the clock follows its reference.";
    add("loop_time_constant", help, timex.constant as f64);
    add("tick_seconds", "Time between ticks.", seconds(timex.tick));
    add(
        "tai_offset_seconds",
        "How far atomic time is ahead.",
        timex.tai.into(),
    );
    add_pulse(timex, units, &mut add);
}

/// Of the pulse once a second that some clocks are given.
fn add_pulse(timex: &libc::timex, units: f64, add: &mut dyn FnMut(&str, &str, f64)) {
    let hertz = |value: libc::c_long| value as f64 / PARTS_PER_RATIO;
    add(
        "pps_frequency_hertz",
        "The frequency of the pulse.",
        hertz(timex.ppsfreq),
    );
    add(
        "pps_jitter_seconds",
        "How much the pulse varies.",
        timex.jitter as f64 / units,
    );
    let help = "Over how long the pulse is measured, as a power of two.";
    add("pps_shift_seconds", help, timex.shift.into());
    add(
        "pps_stability_hertz",
        "How much the frequency of the pulse varies.",
        hertz(timex.stabil),
    );
    add(
        "pps_jitter_total",
        "Times the pulse varied too much.",
        timex.jitcnt as f64,
    );
    add(
        "pps_calibration_total",
        "Times the pulse was measured.",
        timex.calcnt as f64,
    );
    add(
        "pps_error_total",
        "Times measuring the pulse failed.",
        timex.errcnt as f64,
    );
    let help = "Times the frequency of the pulse varied too much.";
    add("pps_stability_exceeded_total", help, timex.stbcnt as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_depend_on_the_status() {
        let mut clock = adjtimex().unwrap();
        clock.state = NOT_SYNCHRONIZED;
        clock.timex.freq = -65_536;
        clock.timex.maxerror = 1_500;
        for (status, offset, expected) in [
            (0, 2_000_000, 2.0),
            (STATUS_NANOSECONDS, 2_000_000, 0.002),
            (0, -4_500_000, -4.5),
        ] {
            (clock.timex.status, clock.timex.offset) = (status, offset);
            let mut families = FamilySet::default();
            add(&clock, &mut families);
            let mut out = Vec::new();
            families.append_to(&mut out);
            let value = |name: &str| {
                let family = out
                    .iter()
                    .find(|family| family.name == format!("node_timex_{name}"))
                    .unwrap();
                family.metrics[0].value.as_number().unwrap()
            };
            assert_eq!(value("offset_seconds"), expected);
            assert_eq!((value("sync_status"), value("maxerror_seconds")), (0.0, 0.0015));
            assert_eq!(value("frequency_adjustment_ratio"), 0.999_999);
        }
    }
}
