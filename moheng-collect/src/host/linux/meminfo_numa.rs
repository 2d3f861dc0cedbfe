//! Collector `meminfo_numa`: memory of each NUMA node.

use std::collections::BTreeMap;

use moheng_metrics::{MetricFamily, MetricKind};

use super::families::{append, push};
use super::function::Roots;
use super::meminfo;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::{key_value, numa_meminfo, text};

pub(super) const NAME: &str = "meminfo_numa";

const FOLDER: &str = "devices/system/node";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = Families::default();
    for node in roots.sys.list_numbered(FOLDER, "node")? {
        let folder = roots.sys.folder(&format!("{FOLDER}/node{node}"));
        families.add_node(&node.to_string(), &folder)?;
    }
    append(out, families.by_name.into_values());
    Ok(())
}

#[derive(Default)]
struct Families {
    by_name: BTreeMap<String, MetricFamily>,
}

impl Families {
    fn add_node(&mut self, node: &str, folder: &Folder) -> Result<(), CollectError> {
        let content = folder.read("meminfo")?;
        let fields = numa_meminfo::parse(&content).map_err(|error| folder.malformed("meminfo", error))?;
        for field in fields {
            let name = meminfo::snake(&text(field.name));
            self.add(&name, MetricKind::Gauge, node, field.value as f64);
        }
        let content = folder.read("numastat")?;
        let counts = key_value::parse(&content).map_err(|error| folder.malformed("numastat", error))?;
        for (name, count) in counts {
            self.add(&format!("{}_total", text(name)), MetricKind::Counter, node, count);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, kind: MetricKind, node: &str, value: f64) {
        let help = match kind {
            MetricKind::Counter => "Pages that were allocated, by where they were wanted and found.",
            _ => "Memory of the node as its meminfo states it, in bytes unless it is a count.",
        };
        let name = format!("node_memory_numa_{name}");
        let family = self
            .by_name
            .entry(name)
            .or_insert_with_key(|name| MetricFamily::new(name, kind, help));
        push(family, &[("node", node)], value);
    }
}
