//! Collector `zfs`: the caches and pools of ZFS.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::kstat::{self, Value};

pub(super) const NAME: &str = "zfs";

const FOLDER: &str = "spl/kstat/zfs";

/// Files, and what the names of their metrics begin with.
const FILES: [(&str, &str); 11] = [
    ("abdstats", "abd"),
    ("arcstats", "arc"),
    ("dbufstats", "dbuf"),
    ("dmu_tx", "dmu_tx"),
    ("dnodestats", "dnode"),
    ("fm", "fm"),
    ("vdev_cache_stats", "vdev_cache"),
    ("vdev_mirror_stats", "vdev_mirror"),
    ("xuio_stats", "xuio"),
    ("zfetchstats", "zfetch"),
    ("zil", "zil"),
];

const STATES: [&str; 7] = [
    "online",
    "degraded",
    "faulted",
    "offline",
    "removed",
    "unavail",
    "suspended",
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let folder = roots.proc.folder(FOLDER);
    let names = folder.list("")?;
    let mut families = FamilySet::default();
    for (file, base) in FILES {
        // Versions of ZFS differ in what they have.
        if names.iter().any(|name| name == file) {
            collect_file(&folder, file, base, &mut families)?;
        }
    }
    for pool in &names {
        if folder.path().join(pool).is_dir() {
            collect_pool(pool, &folder.folder(pool), &mut families)?;
        }
    }
    families.append_to(out);
    Ok(())
}

fn collect_file(
    folder: &Folder,
    file: &str,
    base: &str,
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let content = folder.read(file)?;
    let rows = kstat::parse(&content).map_err(|fault| folder.malformed(file, fault))?;
    for (name, value) in rows {
        if let Value::Number(number) = value {
            let metric = format!("node_zfs_{base}_{}", name.replace('-', "_"));
            families.add_untyped(&metric, "A statistic of ZFS.", &[], number);
        }
    }
    Ok(())
}

fn collect_pool(pool: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
    for file in folder.list("")? {
        match file.as_str() {
            "io" => {
                let content = folder.read(&file)?;
                let rows = kstat::parse_table(&content).map_err(|fault| folder.malformed(&file, fault))?;
                for (name, number) in rows {
                    let metric = format!("node_zfs_zpool_{name}");
                    families.add_untyped(&metric, "A statistic of a pool.", &[("zpool", pool)], number);
                }
            }
            "state" => {
                if let Some(state) = folder.word_if_known(&file, &STATES) {
                    add_state(pool, state, families);
                }
            }
            _ if file.starts_with("objset-") => collect_dataset(pool, &file, folder, families)?,
            _ => {}
        }
    }
    Ok(())
}

fn add_state(pool: &str, found: &str, families: &mut FamilySet) {
    for state in STATES {
        let value = f64::from(u8::from(state == found));
        let help = "Whether the pool is in this state.";
        families.add(
            "node_zfs_zpool_state",
            help,
            &[("state", state), ("zpool", pool)],
            value,
        );
    }
}

fn collect_dataset(
    pool: &str,
    file: &str,
    folder: &Folder,
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let content = folder.read(file)?;
    let rows = kstat::parse(&content).map_err(|fault| folder.malformed(file, fault))?;
    let mut dataset = "";
    for (name, value) in &rows {
        match value {
            Value::Text(text) if name == "dataset_name" => dataset = text,
            Value::Text(_) => {}
            Value::Number(number) => {
                let metric = format!("node_zfs_zpool_dataset_{name}");
                let labels = [("dataset", dataset), ("zpool", pool)];
                families.add_untyped(&metric, "A statistic of a dataset.", &labels, *number);
            }
        }
    }
    Ok(())
}
