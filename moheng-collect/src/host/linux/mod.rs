//! Collectors for Linux: one file per subject, each turns what `proc` parses into families.

mod adjtimex;
mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod btrfs_devices;
mod buddyinfo;
mod bus;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod edac;
mod entropy;
mod ethtool;
mod fibrechannel;
mod field_names;
mod filefd;
mod filesystem;
pub(super) mod function;
mod hwmon;
mod infiniband;
mod interrupts;
mod ioctl;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mounts;
mod mountstats;
mod netclass;
mod netdev;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod process_groups;
mod processes;
mod qdisc;
mod rapl;
mod recorded;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
mod system;
mod systemd;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod units;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use super::table::{Entry, Make, on};
use super::{HostOptions, HostRoots, InterruptsOptions, NetdevOptions, SystemdOptions, families, filter};

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
    on(timex::NAME, Make::Function(timex::collect)),
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

const fn off(name: &'static str, make: Make) -> Entry {
    Entry {
        name,
        is_on_by_default: false,
        make,
    }
}

/// An error of a system call without a file.
fn io_error(what: &str, source: std::io::Error) -> crate::CollectError {
    crate::CollectError::Io {
        what: what.to_owned(),
        source,
    }
}
