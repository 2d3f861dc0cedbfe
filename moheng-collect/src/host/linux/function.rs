//! Collectors that keep nothing between collections: a function of the roots.

use std::fmt;

use moheng_metrics::MetricFamily;

use super::HostRoots;
use crate::files::Folder;
use crate::{CollectError, Collector};

pub(in super::super) type Collect = fn(&Roots, &mut Vec<MetricFamily>) -> Result<(), CollectError>;

/// The roots as folders.
#[derive(Debug)]
pub(in super::super) struct Roots {
    pub(super) proc: Folder,
    pub(super) sys: Folder,
    pub(super) root_fs: Folder,
}

struct Function {
    name: &'static str,
    roots: Roots,
    collect: Collect,
}

pub(in super::super) fn collector(
    name: &'static str,
    roots: &HostRoots,
    collect: Collect,
) -> Box<dyn Collector> {
    Box::new(Function {
        name,
        roots: Roots {
            proc: Folder::kept_open(&roots.proc),
            sys: Folder::new(&roots.sys),
            root_fs: Folder::new(&roots.root_fs),
        },
        collect,
    })
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Function")
            .field("name", &self.name)
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

impl Collector for Function {
    fn name(&self) -> &'static str {
        self.name
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        (self.collect)(&self.roots, out)
    }
}
