//! Collector `vmstat`: fields of `/proc/vmstat`.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::field_names::FieldNames;
use crate::files::Folder;
use crate::proc::key_value;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "vmstat";

#[derive(Debug)]
struct Vmstat {
    proc: Folder,
    fields: FieldNames,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Vmstat {
        proc: Folder::kept_open(&options.roots.proc),
        fields: FieldNames::new(NAME, "node_vmstat_", &options.fields.vmstat)?,
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
            if let Some(name) = self.fields.metric_name(field) {
                let help = "A field of /proc/vmstat.";
                out.push(MetricFamily::single(name, MetricKind::Untyped, help, value));
            }
        }
        Ok(())
    }
}
