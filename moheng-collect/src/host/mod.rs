//! The collectors of host metrics: one file per subject, each turns what `proc` parses into families.

mod adjtimex;
mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod bus;
mod cgroups;
mod collectors;
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
mod families;
mod fibrechannel;
mod filefd;
mod filesystem;
mod filter;
mod function;
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
mod mountstats;
mod netclass;
mod netdev;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod options;
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
mod table;
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

pub use collectors::{CollectorOutcome, HostCollection, HostCollectors};
pub use options::{
    ArpOptions, CpuOptions, FieldOptions, FilesystemOptions, HostOptions, HostRoots, HwmonOptions,
    InterruptsOptions, NameFilter, NetclassOptions, NetdevOptions, QdiscOptions, SysctlOptions,
    SystemdDetails, SystemdOptions,
};

/// An error of a system call without a file.
fn io_error(what: &str, source: std::io::Error) -> crate::CollectError {
    crate::CollectError::Io {
        what: what.to_owned(),
        source,
    }
}
