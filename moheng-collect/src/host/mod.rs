//! The collectors of host metrics: one file per subject, each turns what `proc` parses into families.

mod arp;
mod bonding;
mod buddyinfo;
mod cgroups;
mod collectors;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod edac;
mod entropy;
mod families;
mod filefd;
mod filesystem;
mod filter;
mod function;
mod hwmon;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod netclass;
mod netdev;
mod netstat;
mod nvme;
mod options;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod processes;
mod rapl;
mod schedstat;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod system;
mod table;
mod tapestats;
mod thermal_zone;
mod time;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfrm;
mod zoneinfo;

pub use collectors::{CollectorOutcome, HostCollection, HostCollectors};
pub use options::{
    ArpOptions, CpuOptions, FieldOptions, FilesystemOptions, HostOptions, HostRoots, InterruptsOptions,
    NameFilter, NetclassOptions, NetdevOptions,
};
