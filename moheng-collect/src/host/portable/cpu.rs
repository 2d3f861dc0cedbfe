//! Collector `cpu`: how busy the CPUs are. Times, as Node Exporter has them, are not known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moheng_metrics::{Clock, MetricFamily};
use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, System};

use super::failed;
use super::families::{append, gauge, push};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "cpu";

struct Cpu {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Reading>>,
}

struct Reading {
    system: System,
    taken_at: Duration,
    /// A first reading says nothing: what is known is how busy CPUs were between two.
    has_usage: bool,
}

pub(super) fn build(clock: &Arc<dyn Clock>) -> Box<dyn Collector> {
    Box::new(Cpu {
        clock: Arc::clone(clock),
        last: Mutex::default(),
    })
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cpu").finish_non_exhaustive()
    }
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let now = self.clock.monotonic();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = last.as_mut() else {
            let mut system = System::new().map_err(|error| failed(NAME, error))?;
            system.refresh_cpu_usage();
            *last = Some(Reading {
                system,
                taken_at: now,
                has_usage: false,
            });
            return Ok(());
        };
        if now.saturating_sub(reading.taken_at) >= MINIMUM_CPU_UPDATE_INTERVAL {
            reading.system.refresh_cpu_usage();
            (reading.taken_at, reading.has_usage) = (now, true);
        }
        let help = "Share of the time since the collection before in which the CPU worked.";
        let mut usage = gauge("moheng_cpu_usage_ratio", help);
        for (number, cpu) in reading.system.cpus().iter().enumerate() {
            let percent = f64::from(cpu.usage());
            if reading.has_usage && percent.is_finite() {
                let ratio = (percent / 100.0).clamp(0.0, 1.0);
                push(&mut usage, &[("cpu", &number.to_string())], ratio);
            }
        }
        append(out, [usage]);
        Ok(())
    }
}
