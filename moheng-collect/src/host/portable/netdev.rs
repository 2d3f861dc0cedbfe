//! Collector `netdev`: traffic of network devices.

use moheng_metrics::MetricFamily;
use sysinfo::{NetworkData, Networks};

use super::families::{append, counter, push};
use super::filter::Filter;
use super::{HostOptions, failed};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "netdev";

/// A count of a device.
type Count = fn(&NetworkData) -> u64;

const COUNTS: [(&str, Count); 6] = [
    ("receive_bytes", NetworkData::total_received),
    ("receive_errs", NetworkData::total_errors_on_received),
    ("receive_packets", NetworkData::total_packets_received),
    ("transmit_bytes", NetworkData::total_transmitted),
    ("transmit_errs", NetworkData::total_errors_on_transmitted),
    ("transmit_packets", NetworkData::total_packets_transmitted),
];

#[derive(Debug)]
struct Netdev {
    devices: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Netdev {
        devices: Filter::new(NAME, &options.netdev.devices)?,
    }))
}

impl Collector for Netdev {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let networks = Networks::new_with_refreshed_list().map_err(|error| failed(NAME, error))?;
        let families = COUNTS.map(|(name, count)| {
            let help = "Traffic of the network device as the system counts it.";
            let mut family = counter(&format!("node_network_{name}_total"), help);
            for (device, data) in &networks {
                let device = device.to_string_lossy();
                if self.devices.keeps(&device) {
                    push(&mut family, &[("device", device.as_ref())], count(data) as f64);
                }
            }
            family
        });
        append(out, families);
        Ok(())
    }
}
