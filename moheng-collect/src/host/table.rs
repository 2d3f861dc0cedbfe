//! The table of collectors: names, defaults, and how each is made.

use std::sync::Arc;

use moheng_metrics::Clock;

use super::function::{self, Collect};
use super::{
    HostOptions, arp, bcache, bcachefs, bonding, btrfs, buddyinfo, cgroups, conntrack, cpu,
    cpu_vulnerabilities, cpufreq, diskstats, dmi, dmmultipath, drbd, edac, entropy, ethtool, fibrechannel,
    filefd, filesystem, hwmon, infiniband, interrupts, ipvs, kernel_hung, ksmd, lnstat, loadavg, logind,
    mdadm, meminfo, meminfo_numa, mountstats, netclass, netdev, netstat, network_route, nfs, nfsd, nvme, os,
    pcidevice, powersupplyclass, pressure, process_groups, processes, qdisc, rapl, schedstat, selinux,
    slabinfo, sockstat, softirqs, softnet, stat, swap, sysctl, systemd, tapestats, tcpstat, textfile,
    thermal_zone, time, timex, udp_queues, uname, units, vmstat, watchdog, wifi, xfrm, xfs, zfs, zoneinfo,
};
use crate::{Collector, HostError};

/// A kind of collector.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) is_on_by_default: bool,
    make: Make,
}

/// How a collector is made.
enum Make {
    Function(Collect),
    State(fn(&HostOptions, &Arc<dyn Clock>) -> Box<dyn Collector>),
    /// Its filters may be wrong.
    Filtered(fn(&HostOptions) -> Result<Box<dyn Collector>, HostError>),
}

impl Entry {
    pub(super) fn build(
        &self,
        options: &HostOptions,
        clock: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Collector>, HostError> {
        match self.make {
            Make::Function(collect) => Ok(function::collector(self.name, &options.roots, collect)),
            Make::State(build) => Ok(build(options, clock)),
            Make::Filtered(build) => build(options),
        }
    }
}

const fn on(name: &'static str, make: Make) -> Entry {
    Entry {
        name,
        is_on_by_default: true,
        make,
    }
}

const fn off(name: &'static str, make: Make) -> Entry {
    Entry {
        name,
        is_on_by_default: false,
        make,
    }
}

/// Ascending by name.
pub(super) const COLLECTORS: &[Entry] = &[
    on(arp::NAME, Make::Filtered(arp::build)),
    on(bcache::NAME, Make::State(|options, _| bcache::build(options))),
    on(bcachefs::NAME, Make::Function(bcachefs::collect)),
    on(bonding::NAME, Make::Function(bonding::collect)),
    on(btrfs::NAME, Make::Function(btrfs::collect)),
    off(buddyinfo::NAME, Make::Function(buddyinfo::collect)),
    off(cgroups::NAME, Make::Function(cgroups::collect)),
    on(conntrack::NAME, Make::Function(conntrack::collect)),
    on(cpu::NAME, Make::Filtered(cpu::build)),
    off(
        cpu_vulnerabilities::NAME,
        Make::Function(cpu_vulnerabilities::collect),
    ),
    on(cpufreq::NAME, Make::Function(cpufreq::collect)),
    on(diskstats::NAME, Make::Filtered(diskstats::build)),
    on(dmi::NAME, Make::State(|options, _| dmi::build(options))),
    on(dmmultipath::NAME, Make::Function(dmmultipath::collect)),
    off(drbd::NAME, Make::Function(drbd::collect)),
    on(edac::NAME, Make::Function(edac::collect)),
    on(entropy::NAME, Make::Function(entropy::collect)),
    off(ethtool::NAME, Make::Filtered(ethtool::build)),
    on(fibrechannel::NAME, Make::Function(fibrechannel::collect)),
    on(filefd::NAME, Make::Function(filefd::collect)),
    on(filesystem::NAME, Make::Filtered(filesystem::build)),
    on(hwmon::NAME, Make::Filtered(hwmon::build)),
    on(infiniband::NAME, Make::Function(infiniband::collect)),
    off(interrupts::NAME, Make::Filtered(interrupts::build)),
    on(ipvs::NAME, Make::Function(ipvs::collect)),
    on(kernel_hung::NAME, Make::Function(kernel_hung::collect)),
    off(ksmd::NAME, Make::Function(ksmd::collect)),
    off(lnstat::NAME, Make::Function(lnstat::collect)),
    on(loadavg::NAME, Make::Function(loadavg::collect)),
    off(logind::NAME, Make::State(|options, _| logind::build(options))),
    on(mdadm::NAME, Make::Function(mdadm::collect)),
    on(meminfo::NAME, Make::Function(meminfo::collect)),
    off(meminfo_numa::NAME, Make::Function(meminfo_numa::collect)),
    off(mountstats::NAME, Make::Function(mountstats::collect)),
    on(netclass::NAME, Make::Filtered(netclass::build)),
    on(netdev::NAME, Make::Filtered(netdev::build)),
    on(netstat::NAME, Make::Filtered(netstat::build)),
    off(network_route::NAME, Make::Function(network_route::collect)),
    on(nfs::NAME, Make::Function(nfs::collect)),
    on(nfsd::NAME, Make::Function(nfsd::collect)),
    on(nvme::NAME, Make::Function(nvme::collect)),
    on(os::NAME, Make::Function(os::collect)),
    off(pcidevice::NAME, Make::Function(pcidevice::collect)),
    on(powersupplyclass::NAME, Make::Filtered(powersupplyclass::build)),
    on(pressure::NAME, Make::Function(pressure::collect)),
    off(
        process_groups::NAME,
        Make::State(|options, _| process_groups::build(options)),
    ),
    off(processes::NAME, Make::Function(processes::collect)),
    off(qdisc::NAME, Make::Filtered(qdisc::build)),
    on(rapl::NAME, Make::State(|options, _| rapl::build(options))),
    on(schedstat::NAME, Make::Function(schedstat::collect)),
    on(selinux::NAME, Make::Function(selinux::collect)),
    off(slabinfo::NAME, Make::Filtered(slabinfo::build)),
    on(sockstat::NAME, Make::Function(sockstat::collect)),
    off(softirqs::NAME, Make::Function(softirqs::collect)),
    on(softnet::NAME, Make::Function(softnet::collect)),
    on(stat::NAME, Make::State(|options, _| stat::build(options))),
    off(swap::NAME, Make::Function(swap::collect)),
    off(sysctl::NAME, Make::State(|options, _| sysctl::build(options))),
    off(systemd::NAME, Make::Filtered(systemd::build)),
    on(tapestats::NAME, Make::Filtered(tapestats::build)),
    off(tcpstat::NAME, Make::Function(tcpstat::collect)),
    on(textfile::NAME, Make::Filtered(textfile::build)),
    on(thermal_zone::NAME, Make::Function(thermal_zone::collect)),
    on(time::NAME, Make::State(time::build)),
    on(timex::NAME, Make::State(|_, _| timex::build())),
    on(udp_queues::NAME, Make::Function(udp_queues::collect)),
    on(uname::NAME, Make::Function(uname::collect)),
    off(units::NAME, Make::State(|options, _| units::build(options))),
    on(vmstat::NAME, Make::Filtered(vmstat::build)),
    on(watchdog::NAME, Make::Function(watchdog::collect)),
    off(wifi::NAME, Make::State(|options, _| wifi::build(options))),
    off(xfrm::NAME, Make::Function(xfrm::collect)),
    on(xfs::NAME, Make::Function(xfs::collect)),
    on(zfs::NAME, Make::Function(zfs::collect)),
    off(zoneinfo::NAME, Make::Function(zoneinfo::collect)),
];

pub(super) fn find(name: &str) -> Result<&'static Entry, HostError> {
    COLLECTORS
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| HostError::UnknownCollector {
            name: name.to_owned(),
            known: COLLECTORS
                .iter()
                .map(|entry| entry.name)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_their_own() {
        assert!(COLLECTORS.is_sorted_by(|a, b| a.name < b.name));
        let clock: Arc<dyn Clock> = Arc::new(moheng_metrics::SystemClock::new());
        for entry in COLLECTORS {
            let collector = entry.build(&HostOptions::default(), &clock).unwrap();
            assert_eq!(collector.name(), entry.name);
        }
    }
}
