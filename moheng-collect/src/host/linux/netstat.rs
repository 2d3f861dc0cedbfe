//! Collector `netstat`: counts of the network protocols.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::field_names::FieldNames;
use crate::files::Folder;
use crate::proc::snmp;
use crate::proc::snmp::ProtocolCount;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "netstat";

#[derive(Debug)]
struct Netstat {
    proc: Folder,
    fields: FieldNames,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Netstat {
        proc: Folder::kept_open(&options.roots.proc),
        fields: FieldNames::new(NAME, "node_netstat_", &options.fields.netstat)?,
    }))
}

impl Collector for Netstat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        for file in ["net/netstat", "net/snmp"] {
            let content = self.proc.read(file)?;
            let counts = snmp::parse(&content).map_err(|error| self.proc.malformed(file, error))?;
            self.append(&counts, out);
        }
        let file = "net/snmp6";
        // Machines without IPv6 lack it.
        if let Some(content) = self.proc.read_optional(file)? {
            let counts = snmp::parse_ipv6(&content).map_err(|error| self.proc.malformed(file, error))?;
            self.append(&counts, out);
        }
        Ok(())
    }
}

impl Netstat {
    fn append(&self, counts: &[ProtocolCount<'_>], out: &mut Vec<MetricFamily>) {
        let mut field = Vec::new();
        for count in counts {
            field.clear();
            field.extend_from_slice(count.protocol);
            field.push(b'_');
            field.extend_from_slice(count.name);
            if let Some(name) = self.fields.metric_name(&field) {
                let help = "A count of the network protocol.";
                out.push(MetricFamily::single(name, MetricKind::Untyped, help, count.value));
            }
        }
    }
}
