//! Collector `units`: what services use, by their control groups (version 2). Node Exporter has no such thing.

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::FamilySet;
use crate::files::Folder;
use crate::proc::{MalformedFile, key_value};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "units";

const FOLDER: &str = "fs/cgroup";
/// Only the hierarchy of version 2 has it.
const MARK: &str = "cgroup.controllers";
/// Slices are nested no deeper by anybody.
const DEPTH_MAX: usize = 8;
const US_PER_SECOND: f64 = 1e6;

#[derive(Debug)]
struct Units {
    sys: Folder,
    units_max: usize,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Units {
        sys: Folder::new(&options.roots.sys),
        units_max: options.units_max,
    })
}

impl Collector for Units {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let root = self.sys.folder(FOLDER);
        // Says that there is nothing to collect where there is no such file.
        root.attribute(MARK)?;
        let mut units = Vec::new();
        let is_all = find(&root, DEPTH_MAX, self.units_max, &mut units);
        let mut families = FamilySet::default();
        for (unit, folder) in &units {
            // A service may end meanwhile.
            if let Err(error) = add(unit, folder, &mut families)
                && !error.is_no_data()
            {
                families.append_to(out);
                return Err(error);
            }
        }
        let help = "Whether there are more units than may be reported (1) or not (0).";
        families.add("moheng_units_truncated", help, &[], f64::from(u8::from(!is_all)));
        families.append_to(out);
        Ok(())
    }
}

/// Services in this slice and the slices below, in order; `false` when there are more than `units_max`.
fn find(folder: &Folder, depth: usize, units_max: usize, units: &mut Vec<(String, Folder)>) -> bool {
    for name in folder.list("").unwrap_or_default() {
        match name.rsplit_once('.').map_or("", |(_, kind)| kind) {
            "service" if units.len() >= units_max => return false,
            "service" => {
                let found = folder.folder(&name);
                units.push((name, found));
            }
            "slice" if depth > 0 && !find(&folder.folder(&name), depth - 1, units_max, units) => {
                return false;
            }
            _ => {}
        }
    }
    true
}

fn add(unit: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
    let name = ("unit", unit);
    let content = folder.read("cpu.stat")?;
    let rows = key_value::parse(&content).map_err(|fault| folder.malformed("cpu.stat", fault))?;
    for (key, mode) in [("system_usec", "system"), ("user_usec", "user")] {
        let used = rows.iter().find(|(name, _)| *name == key.as_bytes());
        let (_, used_us) = used.ok_or_else(|| {
            folder.malformed("cpu.stat", MalformedFile::whole(format!("a line {key} expected")))
        })?;
        let labels = [("mode", mode), name];
        families.add(
            "moheng_unit_cpu_seconds_total",
            "CPU time of services.",
            &labels,
            used_us / US_PER_SECOND,
        );
    }
    for (file, metric, help) in [
        (
            "memory.current",
            "moheng_unit_memory_bytes",
            "Memory in use by services, with the cache of their files.",
        ),
        (
            "pids.current",
            "moheng_unit_tasks",
            "Processes and threads of services.",
        ),
    ] {
        // A controller may be off.
        if let Some(value) = folder.number_if_known(file) {
            families.add(metric, help, &[name], value);
        }
    }
    if let Some(content) = folder.attribute_if_known("io.stat") {
        for (key, metric, help) in [
            (
                "rbytes=",
                "moheng_unit_read_bytes_total",
                "Bytes services read from disks.",
            ),
            (
                "wbytes=",
                "moheng_unit_written_bytes_total",
                "Bytes services wrote to disks.",
            ),
        ] {
            families.add(metric, help, &[name], sum_of(&content, key));
        }
    }
    Ok(())
}

/// Over the devices of `MAJOR:MINOR rbytes=N wbytes=N ...`.
fn sum_of(content: &str, key: &str) -> f64 {
    let numbers = content
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
    numbers.map(|number| number as f64).sum()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn services_of_all_slices() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join(FOLDER);
        let mut options = HostOptions::default();
        options.roots.sys = directory.path().to_path_buf();
        assert!(build(&options).collect(&mut Vec::new()).unwrap_err().is_no_data());
        for (unit, usec) in [
            ("system.slice/ssh.service", 1),
            ("user.slice/user-1.slice/x.service", 2),
        ] {
            let folder = root.join(unit);
            fs::create_dir_all(&folder).unwrap();
            let stat = format!("usage_usec 9\nuser_usec {usec}000000\nsystem_usec 500000\n");
            fs::write(folder.join("cpu.stat"), stat).unwrap();
            fs::write(folder.join("memory.current"), "4096\n").unwrap();
            fs::write(
                folder.join("io.stat"),
                "8:0 rbytes=5 wbytes=6\n8:16 rbytes=7 wbytes=0\n",
            )
            .unwrap();
        }
        fs::create_dir_all(root.join("system.slice/ended.service")).unwrap();
        fs::write(root.join(MARK), "cpu memory\n").unwrap();
        let page = |options: &HostOptions| {
            let mut out = Vec::new();
            build(options).collect(&mut out).unwrap();
            let mut page = String::new();
            moheng_metrics::write_text(&out, &mut page);
            page
        };
        let all = page(&options);
        for line in [
            "moheng_unit_cpu_seconds_total{mode=\"user\",unit=\"x.service\"} 2",
            "moheng_unit_memory_bytes{unit=\"ssh.service\"} 4096",
            "moheng_unit_read_bytes_total{unit=\"ssh.service\"} 12",
            "moheng_units_truncated 0",
        ] {
            assert!(all.lines().any(|other| other == line), "{line} is missing: {all}");
        }
        options.units_max = 1;
        assert!(page(&options).contains("moheng_units_truncated 1"));
        options.units_max = 10;
        fs::write(root.join("system.slice/ssh.service/cpu.stat"), "usage_usec 9\n").unwrap();
        assert!(build(&options).collect(&mut Vec::new()).is_err());
    }
}
