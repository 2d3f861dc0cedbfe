//! Collector `slabinfo`: the kernel's caches of objects. Only root may read them.

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::{append, gauge, push};
use super::filter::Filter;
use crate::files::Folder;
use crate::proc::{slabinfo, text};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "slabinfo";

#[derive(Debug)]
struct Slabinfo {
    proc: Folder,
    names: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Slabinfo {
        proc: Folder::kept_open(&options.roots.proc),
        names: Filter::new(NAME, &options.slabs)?,
    }))
}

impl Collector for Slabinfo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("slabinfo")?;
        let slabs = slabinfo::parse(&content).map_err(|error| self.proc.malformed("slabinfo", error))?;
        let mut families = [
            gauge("node_slabinfo_active_objects", "Objects in use."),
            gauge("node_slabinfo_objects", "Objects there is memory for."),
            gauge("node_slabinfo_object_size_bytes", "The size of an object."),
            gauge("node_slabinfo_objects_per_slab", "Objects of a slab."),
            gauge("node_slabinfo_pages_per_slab", "Pages of a slab."),
        ];
        for slab in slabs {
            let name = text(slab.name);
            if self.names.keeps(&name) {
                for (family, count) in families.iter_mut().zip(slab.counts) {
                    push(family, &[("slab", &name)], count as f64);
                }
            }
        }
        append(out, families);
        Ok(())
    }
}
