//! Collector `sockstat`: sockets by protocol.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use super::system;
use crate::CollectError;
use crate::proc::{sockstat, text};

pub(super) const NAME: &str = "sockstat";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    for file in ["net/sockstat", "net/sockstat6"] {
        // Machines without IPv6 lack the second file.
        let Some(content) = roots.proc.read_optional(file)? else {
            continue;
        };
        let counts = sockstat::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
        for count in counts {
            let name = format!("node_sockstat_{}_{}", text(count.protocol), text(count.name));
            let help = "Sockets of the protocol and what they hold.";
            out.push(gauge_of(&name, help, count.value));
            if count.name == b"mem" {
                let bytes = count.value * system::page_bytes() as f64;
                out.push(gauge_of(
                    &format!("{name}_bytes"),
                    "Memory of the protocol's sockets.",
                    bytes,
                ));
            }
        }
    }
    Ok(())
}
