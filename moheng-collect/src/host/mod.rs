//! The collectors of host metrics, and what runs them.

mod collectors;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "fewer forms are needed elsewhere")
)]
mod families;
mod filter;
#[cfg(target_os = "linux")]
mod linux;
mod options;
#[cfg(any(target_os = "macos", windows, test))]
mod portable;
mod table;

pub use collectors::{CollectorOutcome, HostCollection, HostCollectors};
pub use options::{
    ArpOptions, CpuOptions, FieldOptions, FilesystemOptions, HostOptions, HostRoots, HwmonOptions,
    InterruptsOptions, NameFilter, NetclassOptions, NetdevOptions, QdiscOptions, SysctlOptions,
    SystemdDetails, SystemdOptions,
};
