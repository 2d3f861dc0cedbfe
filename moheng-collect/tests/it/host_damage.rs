//! Files of the kernel that are empty, cut short, garbage, huge, or hold numbers that are none: a failed collector or missing
//! series, never a panic, a wrong number, or harm to the other collectors. Tried on every file that any collector opens in a
//! made-up tree, and in Node Exporter's, which is not part of this repository: without it that test is skipped.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use moheng_collect::{CollectError, HostCollection, HostCollectors, HostOptions};
use moheng_metrics::testing::ManualClock;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use crate::host_conformance::{fixture_tree, reference_options};
use crate::host_tree;

/// What the readers of a file may say after it was changed.
#[derive(Clone, Copy, PartialEq)]
enum Allowed {
    /// Anything that is a number: what was cut off cannot be seen to be missing.
    Numbers,
    /// Only what they said before, or nothing.
    KnownValues,
}

/// The content of the file at `path` changed in every way.
fn damaged(path: &Path, content: &str) -> Vec<(String, Vec<u8>, Allowed)> {
    let mut all = vec![
        ("empty".to_owned(), Vec::new(), Allowed::KnownValues),
        ("zeroes".to_owned(), vec![0; 300], Allowed::KnownValues),
        (
            "garbage".to_owned(),
            (0..=255_u8).rev().cycle().take(4000).collect(),
            Allowed::Numbers,
        ),
        (
            "a line of 256 KB".to_owned(),
            vec![b'x'; 256 << 10],
            Allowed::KnownValues,
        ),
        (
            "256 KB of digits".to_owned(),
            vec![b'7'; 256 << 10],
            Allowed::KnownValues,
        ),
        (
            "lines without end".to_owned(),
            content.repeat(200).into_bytes(),
            Allowed::Numbers,
        ),
    ];
    let cut = |length: usize, allowed| {
        (
            format!("{length} bytes"),
            content.as_bytes()[..length].to_vec(),
            allowed,
        )
    };
    let lengths = BTreeSet::from([3, 5, 9].map(|tenths| content.len() * tenths / 10));
    all.extend(lengths.into_iter().map(|length| cut(length, Allowed::Numbers)));
    let line_ends = content.match_indices('\n').map(|(index, _)| index + 1);
    all.extend(line_ends.map(|length| cut(length, Allowed::KnownValues)));
    for (start, end) in numbers(content) {
        for number in ["99999999999999999999999", "-7", "Inf", "1e-9", "+", "7\u{fffd}"] {
            let changed = format!("{}{number}{}", &content[..start], &content[end..]);
            all.push((
                format!("{number} at {start}"),
                changed.into_bytes(),
                Allowed::KnownValues,
            ));
        }
    }
    let is_list = LISTS.iter().any(|list| path.ends_with(list));
    for (_, changed, allowed) in all.iter_mut().filter(|_| is_list) {
        if content.as_bytes().starts_with(changed) {
            *allowed = Allowed::Numbers;
        }
    }
    all
}

/// Where the first, the middle and the last decimal number between blanks are.
fn numbers(content: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    for field in content.split(|character: char| character.is_ascii_whitespace() || character == '=') {
        let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if field.bytes().any(|byte| byte.is_ascii_digit()) && field.bytes().all(is_number) {
            found.push((start, start + field.len()));
        }
        start += field.len() + 1;
    }
    let some = [0, found.len() / 2, found.len().saturating_sub(1)];
    let some = BTreeSet::from(some.map(|index| found.get(index).copied()));
    some.into_iter().flatten().collect()
}

fn values(collection: &HostCollection) -> HashMap<String, f64> {
    let series = |family: &moheng_metrics::MetricFamily| {
        let name = family.name.clone();
        let metrics = family.metrics.iter();
        metrics
            .map(|metric| {
                (
                    format!("{name}{}", metric.labels),
                    metric.value.as_number().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let own =
        |family: &&moheng_metrics::MetricFamily| !family.name.starts_with("node_scrape_collector_duration");
    collection.families.iter().filter(own).flat_map(series).collect()
}

/// What is wrong with a collection from a file that was changed.
fn faults(collection: &HostCollection, before: &HashMap<String, f64>, allowed: Allowed) -> Vec<String> {
    let mut faults = Vec::new();
    for outcome in &collection.outcomes {
        if let Some(error @ (CollectError::Panicked | CollectError::TimedOut { .. })) = &outcome.error {
            faults.push(format!("{}: {error}", outcome.name));
        }
    }
    let fails = collection.outcomes.iter().any(|outcome| outcome.error.is_some());
    for (series, value) in values(collection) {
        // A series that was not there is what became of a label. A negative number is one that some files do have.
        let known = before.get(&series).copied().unwrap_or(value);
        let is_wrong = allowed == Allowed::KnownValues && !fails && value != known && value >= 0.0;
        if !value.is_finite() || is_wrong && !series.starts_with("node_scrape_") {
            faults.push(format!("{series} {value} instead of {known}"));
        }
    }
    faults
}

/// More files of a folder are read as these are.
const OF_FOLDER_MAX: usize = 3;

/// What is read as one of a number that nobody knows: a part of it is as good as all of it.
const LISTS: &[&str] = &[
    "bonding/slaves",
    "net/arp",
    "net/udp",
    "net/udp6",
    "stat/nf_conntrack",
];

/// Tells which files below a folder are opened.
struct Opened {
    queue: OwnedFd,
    folders: HashMap<i32, PathBuf>,
}

impl Opened {
    fn watch(root: &Path) -> Self {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let mut folders = HashMap::new();
        let mut waiting = vec![root.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(entry.path());
                }
            }
            let watch = inotify::add_watch(&queue, &folder, WatchFlags::OPEN).unwrap();
            folders.insert(watch, folder);
        }
        Self { queue, folders }
    }

    /// Since the last call.
    fn take(&self) -> BTreeSet<PathBuf> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.queue, &mut buffer);
        let mut opened = BTreeSet::new();
        while let Ok(event) = events.next() {
            assert!(
                !event.events().contains(ReadFlags::QUEUE_OVERFLOW),
                "events were lost"
            );
            if let Some(name) = event.file_name()
                && !event.events().contains(ReadFlags::ISDIR)
            {
                opened.insert(self.folders[&event.wd()].join(name.to_str().unwrap()));
            }
        }
        opened
    }
}

/// The collectors by the files they open.
fn readers(root: &Path, options: &HostOptions) -> BTreeMap<PathBuf, BTreeSet<&'static str>> {
    let opened = Opened::watch(root);
    let mut all = BTreeMap::<PathBuf, BTreeSet<&str>>::new();
    // Text files may say anything.
    let read = |name: &str| options.is_on(name) && name != "textfile";
    for (name, _) in HostCollectors::known().filter(|(name, _)| read(name)) {
        let collectors = only(options, &BTreeSet::from([name]));
        opened.take();
        let outcome = &collectors.collect_only(|_| true).outcomes[0];
        assert!(outcome.error.is_none(), "{name}: {:?}", outcome.error);
        for path in opened.take() {
            all.entry(path).or_default().insert(name);
        }
    }
    all
}

/// Of files whose paths differ only in numbers the first, and not all of a folder of dozens of one kind.
fn sample(files: &mut BTreeMap<PathBuf, BTreeSet<&'static str>>) {
    let without_digits = |path: &Path| -> String {
        let text = path.to_str().unwrap();
        text.chars()
            .filter(|character| !character.is_ascii_digit())
            .collect()
    };
    let (mut kinds, mut of_folder) = (BTreeSet::new(), HashMap::<_, usize>::new());
    files.retain(|path, readers| {
        let count = of_folder
            .entry(without_digits(path.parent().unwrap()))
            .or_default();
        let is_new = kinds.insert((without_digits(path), readers.clone()));
        *count += usize::from(is_new);
        is_new && *count <= OF_FOLDER_MAX
    });
}

/// Damages each of the files in turn; what its readers make of it that is wrong.
fn damage_all(
    root: &Path,
    options: &HostOptions,
    files: &BTreeMap<PathBuf, BTreeSet<&'static str>>,
) -> Vec<String> {
    let mut all_faults = Vec::new();
    for (path, readers) in files {
        let before = values(&only(options, readers).collect_only(|_| true));
        let content = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&content);
        for (what, changed, allowed) in damaged(path, &text) {
            fs::write(path, &changed).unwrap();
            // Anew, since some remember what they read.
            let found = faults(&only(options, readers).collect_only(|_| true), &before, allowed);
            let path = path.strip_prefix(root).unwrap().display();
            all_faults.extend(found.into_iter().map(|fault| format!("{path}, {what}: {fault}")));
        }
        fs::write(path, content).unwrap();
    }
    all_faults
}

fn only(options: &HostOptions, names: &BTreeSet<&str>) -> HostCollectors {
    let mut options = options.clone();
    options.switch_all_off();
    for name in names {
        options.switch(name, true).unwrap();
    }
    HostCollectors::new(&options, Arc::new(ManualClock::new(1_700_000_000_000))).unwrap()
}

#[test]
fn files_of_a_made_up_host_may_be_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let paths = host_tree::write(root);
    let options = host_tree::options(root);
    let files = readers(root, &options);
    let unread: Vec<_> = paths.iter().filter(|path| !files.contains_key(*path)).collect();
    assert!(unread.is_empty(), "no collector opens {unread:?}");
    let faults = damage_all(root, &options, &files);
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn a_damaged_file_harms_no_other_collector() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    host_tree::write(root);
    let options = host_tree::options(root);
    let all: BTreeSet<&str> = HostCollectors::known()
        .map(|(name, _)| name)
        .filter(|name| options.is_on(name))
        .collect();
    for (path, readers) in readers(root, &options) {
        let others = only(&options, &all.difference(&readers).copied().collect());
        let before = values(&others.collect_only(|_| true));
        let content = fs::read(&path).unwrap();
        fs::write(&path, [0xff; 300]).unwrap();
        assert_eq!(
            values(&others.collect_only(|_| true)),
            before,
            "{}",
            path.display()
        );
        fs::write(path, content).unwrap();
    }
}

#[test]
fn files_of_the_reference_host_may_be_damaged() {
    let Some(directory) = fixture_tree() else {
        println!(
            "skipped: files_of_the_reference_host_may_be_damaged needs conformance/node_exporter beside the repository"
        );
        return;
    };
    let options = reference_options(directory.path());
    let mut files = readers(directory.path(), &options);
    sample(&mut files);
    assert!(files.len() > 200, "only {} files were opened", files.len());
    let faults = damage_all(directory.path(), &options, &files);
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}
