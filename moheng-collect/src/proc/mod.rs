//! Pure parsers of the kernel's files: bytes in, plain values out, no file is opened here.
//!
//! Each takes the whole content of a file. None panics on any input, and none allocates more than a small multiple of
//! its input. They borrow names from the text.

pub(crate) mod arp;
pub(crate) mod bcachefs;
pub(crate) mod buddyinfo;
pub(crate) mod cgroups;
pub(crate) mod conntrack;
pub(crate) mod cpu_list;
pub(crate) mod cpuinfo;
pub(crate) mod dbus;
pub(crate) mod diskstats;
pub(crate) mod drbd;
pub(crate) mod ethtool;
pub(crate) mod file_nr;
pub(crate) mod inet_diag;
pub(crate) mod interrupts;
pub(crate) mod ip_vs;
pub(crate) mod key_value;
pub(crate) mod kstat;
pub(crate) mod link;
pub(crate) mod loadavg;
pub(crate) mod mdstat;
pub(crate) mod meminfo;
pub(crate) mod mountinfo;
pub(crate) mod mountstats;
pub(crate) mod net_dev;
pub(crate) mod net_stat;
pub(crate) mod netlink;
pub(crate) mod nl80211;
pub(crate) mod numa_meminfo;
pub(crate) mod os_release;
pub(crate) mod pid_stat;
pub(crate) mod pid_usage;
pub(crate) mod pressure;
pub(crate) mod qdisc;
pub(crate) mod route;
pub(crate) mod rpc_stat;
mod scan;
pub(crate) mod schedstat;
pub(crate) mod size;
pub(crate) mod slabinfo;
pub(crate) mod snmp;
pub(crate) mod sockstat;
pub(crate) mod softnet;
pub(crate) mod stat;
pub(crate) mod swaps;
pub(crate) mod udev;
pub(crate) mod udp;
pub(crate) mod zoneinfo;

use std::path::PathBuf;

pub(crate) use scan::{fraction, text};

use crate::CollectError;

/// What a parser found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MalformedFile {
    /// From 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl MalformedFile {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }

    /// A fault that no single line has.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self::new(0, message)
    }

    pub(crate) fn at(self, path: PathBuf) -> CollectError {
        CollectError::Malformed {
            path,
            line: self.line,
            message: self.message,
        }
    }
}

/// Runs every parser over `content`; for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_all(content: &[u8]) {
    let _ = arp::parse(content);
    let _ = bcachefs::compression(content);
    let _ = bcachefs::counter(content);
    let _ = bcachefs::errors(content);
    let _ = bcachefs::io_errors(content);
    let _ = bcachefs::transfers(content);
    let _ = bcachefs::writes(content);
    let _ = buddyinfo::parse(content);
    let _ = cgroups::parse(content);
    let _ = conntrack::parse(content);
    let _ = cpu_list::parse(content);
    let _ = cpuinfo::parse(content);
    let _ = dbus::answer(content, 1);
    let _ = diskstats::parse(content);
    let _ = drbd::parse(content);
    let _ = ethtool::driver(content);
    let _ =
        ethtool::link(content).map(|link| (link.supported.ports().count(), link.advertised.speeds().count()));
    let _ = ethtool::metric_name(&text(content));
    let _ = ethtool::statistics(content, content).map(Iterator::count);
    let _ = file_nr::parse(content);
    let _ = inet_diag::parse(content);
    let _ = interrupts::parse(content);
    let _ = ip_vs::parse(content);
    let _ = ip_vs::parse_totals(content);
    let _ = key_value::parse(content);
    let _ = kstat::parse(content);
    let _ = kstat::parse_table(content);
    let _ = loadavg::parse(content);
    let _ = mdstat::parse(content);
    let _ = meminfo::parse(content);
    let _ = mountinfo::parse(content);
    let _ = mountstats::parse(content);
    let _ = net_dev::parse(content);
    let _ = net_stat::parse(content);
    let _ = netlink::read_messages(content, &mut |kind, body| link::Dump::default().take(kind, body));
    let _ = nl80211::family_id(content);
    let _ = nl80211::interface(content);
    let _ = nl80211::network(content);
    let _ = nl80211::station(content);
    let _ = numa_meminfo::parse(content);
    let _ = os_release::parse(content);
    let _ = pid_stat::parse(content);
    let _ = pid_usage::parse(content);
    let _ = pid_usage::parse_io(content);
    let _ = pressure::parse(content);
    let _ = qdisc::parse(content);
    let _ = route::parse(content);
    let _ = rpc_stat::parse(content);
    let _ = schedstat::parse(content);
    let _ = size::decimal(&text(content));
    let _ = size::of_bcache(&text(content));
    let _ = slabinfo::parse(content);
    let _ = snmp::parse(content);
    let _ = snmp::parse_ipv6(content);
    let _ = sockstat::parse(content);
    let _ = softnet::parse(content);
    let _ = stat::parse(content);
    let _ = swaps::parse(content);
    let _ = udev::parse(content);
    let _ = udp::parse(content);
    let _ = zoneinfo::parse(content);
}

#[cfg(test)]
mod tests;
