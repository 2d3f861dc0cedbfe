//! Collector `lnstat`: counts of the network's tables by CPU.

use std::collections::BTreeMap;

use moheng_metrics::MetricFamily;

use super::families::{append, counter, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{net_stat, text};

pub(super) const NAME: &str = "lnstat";

const FOLDER: &str = "net/stat";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for table in roots.proc.list(FOLDER)? {
        let file = format!("{FOLDER}/{table}");
        let content = roots.proc.read(&file)?;
        let counts = net_stat::parse(&content).map_err(|error| roots.proc.malformed(&file, error))?;
        for (cpu, row) in counts.rows.iter().enumerate() {
            let cpu = cpu.to_string();
            for (name, &count) in counts.names.iter().zip(row) {
                let name = format!("node_lnstat_{}_total", text(name));
                let family = families
                    .entry(name)
                    .or_insert_with_key(|name| counter(name, "A count of a table of the network, by CPU."));
                push(family, &[("cpu", &cpu), ("subsystem", &table)], count as f64);
            }
        }
    }
    append(out, families.into_values());
    Ok(())
}
