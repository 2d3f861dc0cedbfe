//! Collector `textfile`: metrics that other programs leave in files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use moheng_metrics::exposition::{self, Format};
use moheng_metrics::{Metric, MetricFamily, MetricValue};

use super::HostOptions;
use super::families::{append, gauge, gauge_of, push};
use crate::files::Folder;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "textfile";

#[derive(Debug)]
struct Textfile {
    /// Directories, or patterns of them.
    directories: Vec<String>,
    /// What was wrong last time, so that it is logged once.
    faults: Mutex<BTreeSet<String>>,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    for directory in &options.textfile_directories {
        glob::Pattern::new(directory).map_err(|source| HostError::Glob {
            collector: NAME,
            pattern: directory.clone(),
            source,
        })?;
    }
    Ok(Box::new(Textfile {
        directories: options.textfile_directories.clone(),
        faults: Mutex::default(),
    }))
}

impl Collector for Textfile {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut merger = Merger::default();
        let mut mtimes = gauge(
            "node_textfile_mtime_seconds",
            "When a file that could be read was changed.",
        );
        for directory in self.paths() {
            let folder = Folder::new(&directory);
            let names = match folder.list("") {
                Ok(names) => names,
                Err(error) => {
                    merger.faults.insert(error.to_string());
                    continue;
                }
            };
            for name in names.iter().filter(|name| is_metrics_file(name)) {
                let path = directory.join(name);
                match read(&folder, name, &path) {
                    Ok((families, mtime_seconds)) => {
                        merger.add(families, &path);
                        push(&mut mtimes, &[("file", &path.to_string_lossy())], mtime_seconds);
                    }
                    Err(fault) => drop(merger.faults.insert(fault)),
                }
            }
        }
        let has_faults = f64::from(u8::from(!merger.faults.is_empty()));
        self.report(&merger.faults);
        out.extend(merger.finish());
        append(out, [mtimes]);
        let help = "Whether a file could not be read (1) or not (0).";
        out.push(gauge_of("node_textfile_scrape_error", help, has_faults));
        Ok(())
    }
}

impl Textfile {
    /// The directories there are; one that no pattern matches is kept, so that reading it tells why.
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for directory in &self.directories {
            let before = paths.len();
            // Patterns were checked; directories that cannot be read match nothing.
            if let Ok(found) = glob::glob(directory) {
                paths.extend(found.filter_map(Result::ok));
            }
            if paths.len() == before {
                paths.push(PathBuf::from(directory));
            }
        }
        paths
    }

    fn report(&self, found: &BTreeSet<String>) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in found.difference(&faults) {
            tracing::warn!(collector = NAME, "{fault}");
        }
        faults.clone_from(found);
    }
}

fn is_metrics_file(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "prom")
}

/// The families of a file and when it was changed, in seconds since 1970.
fn read(folder: &Folder, name: &str, path: &Path) -> Result<(Vec<MetricFamily>, f64), String> {
    let content = folder.read(name).map_err(|error| error.to_string())?;
    let mut families = exposition::parse(Format::Text0_0_4, &content)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    complete_summaries(&mut families);
    let mut metrics = families.iter().flat_map(|family| &family.metrics);
    if metrics.any(|metric| metric.timestamp_ms.is_some()) {
        let path = path.display();
        return Err(format!(
            "{path}: samples with timestamps are not supported; the file was left out"
        ));
    }
    // Asked for last, so that a file that cannot be read does not look fresh.
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let modified = modified.map_err(|error| format!("{}: {error}", path.display()))?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((families, since.as_secs() as f64))
}

/// Programs that write such files often leave out what a summary need not have; Node Exporter takes it for 0.
fn complete_summaries(families: &mut [MetricFamily]) {
    for metric in families.iter_mut().flat_map(|family| &mut family.metrics) {
        if let MetricValue::Summary(summary) = &mut metric.value
            && summary.count.is_nan()
        {
            summary.count = 0.0;
            if summary.sum.is_nan() {
                summary.sum = 0.0;
            }
        }
    }
}

/// Puts families of one name in several files together.
#[derive(Default)]
struct Merger {
    families: BTreeMap<String, Merged>,
    faults: BTreeSet<String>,
}

struct Merged {
    family: MetricFamily,
    /// The files it is in.
    paths: Vec<String>,
}

impl Merger {
    /// Of what contradicts an earlier file, nothing is taken.
    fn add(&mut self, families: Vec<MetricFamily>, path: &Path) {
        let path = path.to_string_lossy();
        for mut family in families {
            let Some(known) = self.families.get_mut(&family.name) else {
                let paths = vec![path.clone().into_owned()];
                self.families
                    .insert(family.name.clone(), Merged { family, paths });
                continue;
            };
            let name = &family.name;
            if known.family.help != family.help {
                self.faults.insert(format!(
                    "{path}: {name} has another help than in {}",
                    known.paths[0]
                ));
                continue;
            }
            if known.family.kind != family.kind {
                self.faults.insert(format!(
                    "{path}: {name} has another type than in {}",
                    known.paths[0]
                ));
                continue;
            }
            let is_known = |metric: &Metric| {
                known
                    .family
                    .metrics
                    .iter()
                    .any(|other| other.labels == metric.labels)
            };
            if let Some(metric) = family.metrics.iter().find(|metric| is_known(metric)) {
                self.faults
                    .insert(format!("{path}: {name}{} is in another file too", metric.labels));
                family.metrics.retain(|metric| !is_known(metric));
            }
            known.family.metrics.append(&mut family.metrics);
            known.paths.push(path.clone().into_owned());
        }
    }

    fn finish(self) -> impl Iterator<Item = MetricFamily> {
        self.families.into_values().map(|Merged { mut family, paths }| {
            if family.help.is_empty() {
                family.help = format!("Metric read from {}", paths.join(", "));
            }
            let names: BTreeSet<&str> = family
                .metrics
                .iter()
                .flat_map(|metric| metric.labels.iter().map(|(name, _)| name))
                .collect();
            family.padded_labels = names.into_iter().map(str::to_owned).collect();
            family
        })
    }
}
