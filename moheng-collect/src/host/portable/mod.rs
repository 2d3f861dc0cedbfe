//! Collectors for macOS and Windows, of what the crate `sysinfo` tells.
//!
//! Not tested there: they are compiled for both, and their tests run on Linux. Families have Node Exporter's names where they
//! mean the same, otherwise names that begin with `moheng_`.

mod cpu;
mod diskstats;
mod filesystem;
mod meminfo;
mod netdev;

use std::fmt::Display;
use std::io;

use super::table::{Entry, Make, on};
use super::{HostOptions, families, filter};
use crate::CollectError;

/// Ascending by name.
pub(super) const COLLECTORS: &[Entry] = &[
    on(cpu::NAME, Make::State(|_, clock| cpu::build(clock))),
    on(diskstats::NAME, Make::State(|_, _| diskstats::build())),
    on(filesystem::NAME, Make::Filtered(filesystem::build)),
    on(meminfo::NAME, Make::State(|_, _| meminfo::build())),
    on(netdev::NAME, Make::Filtered(netdev::build)),
];

/// Why the system did not tell of `what`.
fn failed(what: &str, error: impl Display) -> CollectError {
    CollectError::Io {
        what: what.to_owned(),
        source: io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
