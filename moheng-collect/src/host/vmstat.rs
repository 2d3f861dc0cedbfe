//! Collector `vmstat`: fields of `/proc/vmstat`.

use moheng_metrics::{MetricFamily, MetricKind, Pattern};

use super::HostOptions;
use super::filter::unanchored;
use crate::files::Folder;
use crate::proc::{key_value, text};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "vmstat";

#[derive(Debug)]
struct Vmstat {
    proc: Folder,
    fields: Pattern,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Vmstat {
        proc: Folder::new(&options.roots.proc),
        fields: unanchored(NAME, &options.fields.vmstat)?,
    }))
}

impl Collector for Vmstat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("vmstat")?;
        let fields = key_value::parse(&content).map_err(|error| self.proc.malformed("vmstat", error))?;
        for (field, value) in fields {
            let field = text(field);
            if self.fields.is_match(&field) {
                let help = "A field of /proc/vmstat.";
                out.push(MetricFamily::single(
                    format!("node_vmstat_{field}"),
                    MetricKind::Untyped,
                    help,
                    value,
                ));
            }
        }
        Ok(())
    }
}
