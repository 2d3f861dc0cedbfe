//! Collector `meminfo`: memory, under the names that Node Exporter has on macOS.

use moheng_metrics::MetricFamily;
use sysinfo::System;

use super::failed;
use super::families::gauge_of;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "meminfo";

#[derive(Debug)]
struct Memory;

pub(super) fn build() -> Box<dyn Collector> {
    Box::new(Memory)
}

impl Collector for Memory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut system = System::new().map_err(|error| failed(NAME, error))?;
        system.refresh_memory();
        if system.total_memory() == 0 {
            return Err(failed(NAME, "the system does not tell how much memory there is"));
        }
        let families = [
            (
                "node_memory_total_bytes",
                "Memory of the machine.",
                system.total_memory(),
            ),
            (
                "node_memory_swap_total_bytes",
                "Space that memory can be moved to.",
                system.total_swap(),
            ),
            (
                "node_memory_swap_used_bytes",
                "Memory that was moved there.",
                system.used_swap(),
            ),
            (
                "moheng_memory_available_bytes",
                "Memory that programs can have without any being moved.",
                system.available_memory(),
            ),
            (
                "moheng_memory_used_bytes",
                "Memory in use, as the system counts it.",
                system.used_memory(),
            ),
        ];
        let family = |(name, help, bytes): (&str, &str, u64)| gauge_of(name, help, bytes as f64);
        out.extend(families.map(family));
        Ok(())
    }
}
