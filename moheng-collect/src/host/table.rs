//! What a table of collectors holds: names, defaults, and how each is made.

use std::sync::Arc;

use moheng_metrics::Clock;

use super::HostOptions;
#[cfg(target_os = "linux")]
pub(super) use super::linux::COLLECTORS;
#[cfg(target_os = "linux")]
use super::linux::function::{self, Collect};
#[cfg(any(target_os = "macos", windows))]
pub(super) use super::portable::COLLECTORS;
use crate::{Collector, HostError};

/// A kind of collector.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) is_on_by_default: bool,
    pub(super) make: Make,
}

/// How a collector is made.
pub(super) enum Make {
    #[cfg(target_os = "linux")]
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
            #[cfg(target_os = "linux")]
            Make::Function(collect) => Ok(function::collector(self.name, &options.roots, collect)),
            Make::State(build) => Ok(build(options, clock)),
            Make::Filtered(build) => build(options),
        }
    }
}

pub(super) const fn on(name: &'static str, make: Make) -> Entry {
    Entry {
        name,
        is_on_by_default: true,
        make,
    }
}

/// Nothing is collected on other systems.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub(super) const COLLECTORS: &[Entry] = &[];

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
