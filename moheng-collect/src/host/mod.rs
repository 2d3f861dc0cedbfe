//! The collectors of host metrics: one file per subject, each turns what `proc` parses into families.

mod arp;
mod collectors;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod entropy;
mod families;
mod filefd;
mod filesystem;
mod filter;
mod function;
mod hwmon;
mod loadavg;
mod meminfo;
mod netclass;
mod netdev;
mod netstat;
mod options;
mod os;
mod pressure;
mod processes;
mod schedstat;
mod sockstat;
mod softnet;
mod stat;
mod system;
mod table;
mod thermal_zone;
mod time;
mod udp_queues;
mod uname;
mod vmstat;

pub use collectors::{CollectorOutcome, HostCollection, HostCollectors};
pub use options::{
    ArpOptions, CpuOptions, FieldOptions, FilesystemOptions, HostOptions, HostRoots, NameFilter,
    NetclassOptions, NetdevOptions,
};
