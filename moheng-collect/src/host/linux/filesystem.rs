//! Collector `filesystem`: space and files of mounted filesystems.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::{append, gauge, push};
use super::filter::Filter;
use super::mounts;
use super::system::{self, FilesystemSpace};
use crate::files::Folder;
use crate::proc::mountinfo::Mount;
use crate::proc::{mountinfo, text};
use crate::runner::{Job, Outcome, Runner, Task};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "filesystem";

/// Mounts that hang keep a thread each. With more than this many, further mounts are not asked.
const THREADS_MAX: usize = 32;
/// What `device_error` says of a mount that does not answer.
const TIMEOUT_ERROR: &str = "mountpoint timeout";

#[derive(Debug)]
struct Filesystem {
    proc: Folder,
    root: Vec<u8>,
    mount_points: Filter,
    fs_types: Filter,
    mount_timeout: Duration,
    source: Arc<dyn SpaceSource>,
    runner: Runner,
    /// Mounts that have not answered, by path.
    stuck: Mutex<HashMap<Vec<u8>, Arc<Task<AskSpace>>>>,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Filesystem::new(options, Arc::new(Kernel))?))
}

impl Collector for Filesystem {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let (file, content) = mounts::read(&self.proc)?;
        let mounts = mountinfo::parse(&content).map_err(|error| self.proc.malformed(file, error))?;
        let mounts = self.chosen(&mounts);
        let answers = self.ask_all(&mounts);
        let mut families = Families::new();
        for (mount, answer) in mounts.iter().zip(answers) {
            families.add(mount, answer);
        }
        append(out, families.into_families());
        Ok(())
    }
}

impl Filesystem {
    fn new(options: &HostOptions, source: Arc<dyn SpaceSource>) -> Result<Self, HostError> {
        let root = options.roots.root_fs.as_os_str().as_encoded_bytes();
        Ok(Self {
            proc: Folder::kept_open(&options.roots.proc),
            root: root.strip_suffix(b"/").unwrap_or(root).to_vec(),
            mount_points: Filter::new(NAME, &options.filesystem.mount_points)?,
            fs_types: Filter::new(NAME, &options.filesystem.fs_types)?,
            mount_timeout: options.filesystem.mount_timeout,
            source,
            runner: Runner::new("moheng-mounts", THREADS_MAX),
            stuck: Mutex::default(),
        })
    }

    /// The mounts that the options want, each set of labels once.
    fn chosen<'a>(&self, mounts: &'a [Mount<'a>]) -> Vec<ChosenMount<'a>> {
        let mut seen = HashSet::new();
        let mut chosen = Vec::new();
        for mount in mounts {
            let below_root = mounts::strip_root(&mount.point, &self.root);
            let labels = MountLabels {
                device: text(mount.source).into_owned(),
                fs_type: text(mount.fs_type).into_owned(),
                mount_point: text(below_root).into_owned(),
            };
            let is_wanted =
                self.mount_points.keeps(&labels.mount_point) && self.fs_types.keeps(&labels.fs_type);
            if is_wanted && seen.insert(labels.clone()) {
                chosen.push(ChosenMount {
                    mount,
                    labels,
                    path: [&self.root, below_root].concat(),
                });
            }
        }
        chosen
    }

    /// Asks all mounts that are not stuck. The answers are in the order of `mounts`.
    fn ask_all(&self, mounts: &[ChosenMount<'_>]) -> Vec<Answer> {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.retain(|_, task| task.is_running());
        let tasks: Vec<_> = mounts
            .iter()
            .map(|mount| match stuck.get(&mount.path) {
                Some(task) => Arc::clone(task),
                None => Task::new(AskSpace {
                    path: mount.path.clone(),
                    source: Arc::clone(&self.source),
                }),
            })
            .collect();
        let outcomes = self.runner.run(&tasks, self.mount_timeout);
        for task in tasks.into_iter().filter(|task| task.is_running()) {
            stuck.insert(task.job.path.clone(), task);
        }
        outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Finished(answer) => answer.map_err(|error| error_text(&error)),
                Outcome::TimedOut | Outcome::Panicked => Err(TIMEOUT_ERROR.to_owned()),
            })
            .collect()
    }
}

/// The space of a mount, or what its `device_error` says.
type Answer = Result<FilesystemSpace, String>;

struct ChosenMount<'a> {
    mount: &'a Mount<'a>,
    labels: MountLabels,
    /// Where this process finds it.
    path: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct MountLabels {
    device: String,
    fs_type: String,
    mount_point: String,
}

/// Knows the space of mounted filesystems. Asking a mount whose server is gone may take for ever.
trait SpaceSource: Debug + Send + Sync {
    fn space(&self, path: &[u8]) -> io::Result<FilesystemSpace>;
}

#[derive(Debug)]
struct Kernel;

impl SpaceSource for Kernel {
    fn space(&self, path: &[u8]) -> io::Result<FilesystemSpace> {
        system::space(path)
    }
}

#[derive(Debug)]
struct AskSpace {
    path: Vec<u8>,
    source: Arc<dyn SpaceSource>,
}

impl Job for AskSpace {
    type Output = io::Result<FilesystemSpace>;

    fn run(&self) -> Self::Output {
        self.source.space(&self.path)
    }
}

/// The families of the collector.
struct Families {
    /// What [`FilesystemSpace`] says.
    space: [MetricFamily; 5],
    read_only: MetricFamily,
    device_error: MetricFamily,
    info: MetricFamily,
}

impl Families {
    fn new() -> Self {
        Self {
            space: [
                gauge("node_filesystem_size_bytes", "Size of the filesystem."),
                gauge(
                    "node_filesystem_free_bytes",
                    "Free space, with what is reserved for root.",
                ),
                gauge("node_filesystem_avail_bytes", "Free space that any user may use."),
                gauge("node_filesystem_files", "Files (inodes) the filesystem can hold."),
                gauge(
                    "node_filesystem_files_free",
                    "Files (inodes) that can still be made.",
                ),
            ],
            read_only: gauge(
                "node_filesystem_readonly",
                "Whether it is mounted read-only (1) or not (0).",
            ),
            device_error: gauge(
                "node_filesystem_device_error",
                "Whether asking the filesystem failed (1) or not (0).",
            ),
            info: gauge("node_filesystem_mount_info", "1; the labels describe the mount."),
        }
    }

    fn add(&mut self, chosen: &ChosenMount<'_>, answer: Answer) {
        let (space, error) = match answer {
            Ok(space) => (Some(space), String::new()),
            Err(error) => (None, error),
        };
        let MountLabels {
            device,
            fs_type,
            mount_point,
        } = &chosen.labels;
        let labels = [
            ("device", device.as_str()),
            ("device_error", &error),
            ("fstype", fs_type),
            ("mountpoint", mount_point),
        ];
        let flag = |is_set: bool| if is_set { 1.0 } else { 0.0 };
        push(&mut self.device_error, &labels, flag(space.is_none()));
        push(&mut self.read_only, &labels, flag(chosen.mount.is_read_only));
        let Some(space) = space else { return };
        let values = [
            space.size_bytes,
            space.free_bytes,
            space.available_bytes,
            space.files,
            space.files_free,
        ];
        for (family, value) in self.space.iter_mut().zip(values) {
            push(family, &labels, value);
        }
        let labels = [
            ("device", device.as_str()),
            ("major", &chosen.mount.major.to_string()),
            ("minor", &chosen.mount.minor.to_string()),
            ("mountpoint", mount_point),
        ];
        push(&mut self.info, &labels, 1.0);
    }

    fn into_families(self) -> impl Iterator<Item = MetricFamily> {
        self.space
            .into_iter()
            .chain([self.read_only, self.device_error, self.info])
    }
}

/// The operating system's words alone, as Node Exporter has them: lower case, without the number.
fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_ascii_lowercase().to_string() + characters.as_str(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
