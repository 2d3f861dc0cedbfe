//! Collector `rapl`: energy that processors and memory used. Only root may read it.

use std::collections::BTreeMap;

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::{append, counter, push};
use crate::files::Folder;
use crate::proc::MalformedFile;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "rapl";

const FOLDER: &str = "class/powercap";
const MICROJOULES_PER_JOULE: f64 = 1e6;

#[derive(Debug)]
struct Rapl {
    sys: Folder,
    has_zone_label: bool,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Rapl {
        sys: Folder::new(&options.roots.sys),
        has_zone_label: options.rapl_zone_label,
    })
}

impl Collector for Rapl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        for directory in self.sys.list(FOLDER)? {
            let folder = self.sys.folder(&format!("{FOLDER}/{directory}"));
            // The groups that zones belong to have no name.
            if !directory.contains(':') || !folder.contains("name") {
                continue;
            }
            let name = folder.attribute("name")?;
            let (zone, index) = zone_of(&name, &mut numbers);
            let energy = folder.attribute("energy_uj")?;
            let Ok(microjoules) = energy.parse::<u64>() else {
                let malformed = MalformedFile::whole("a number of microjoules expected");
                return Err(folder.malformed("energy_uj", malformed));
            };
            let joules = microjoules as f64 / MICROJOULES_PER_JOULE;
            let metric = if self.has_zone_label {
                "node_rapl_joules_total".to_owned()
            } else {
                format!("node_rapl_{}_joules_total", metric_part(zone))
            };
            let family = families
                .entry(metric)
                .or_insert_with_key(|metric| counter(metric, "Energy used, in joules."));
            let path = folder.path().to_string_lossy();
            let mut labels = vec![("index", index.as_str()), ("path", &path)];
            if self.has_zone_label {
                labels.push(("rapl_zone", zone));
            }
            push(family, &labels, joules);
        }
        append(out, families.into_values());
        Ok(())
    }
}

/// `package-1` is the package with the index 1; zones without a number are counted.
fn zone_of<'a>(name: &'a str, numbers: &mut BTreeMap<String, u32>) -> (&'a str, String) {
    if let Some((zone, index)) = name.rsplit_once('-')
        && !index.is_empty()
        && index.bytes().all(|byte| byte.is_ascii_digit())
    {
        return (zone, index.to_owned());
    }
    let number = numbers.entry(name.to_owned()).or_default();
    *number += 1;
    (name, (*number - 1).to_string())
}

fn metric_part(zone: &str) -> String {
    zone.chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        let mut numbers = BTreeMap::new();
        assert_eq!(zone_of("package-1", &mut numbers), ("package", "1".to_owned()));
        assert_eq!(zone_of("core", &mut numbers), ("core", "0".to_owned()));
        assert_eq!(zone_of("core", &mut numbers), ("core", "1".to_owned()));
        assert_eq!(zone_of("psys-", &mut numbers), ("psys-", "0".to_owned()));
        assert_eq!(metric_part("a-b"), "a_b");
    }
}
