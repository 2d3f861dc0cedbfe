//! Collector `uname`: the names of the system.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use super::system::{self, SystemName};
use crate::CollectError;

pub(super) const NAME: &str = "uname";

#[expect(clippy::unnecessary_wraps, reason = "all collectors have this signature")]
pub(super) fn collect(_roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    append(out, [names(&system::system_name())]);
    Ok(())
}

fn names(name: &SystemName) -> MetricFamily {
    let mut family = gauge("node_uname_info", "1; the labels are what uname(2) says.");
    let labels = [
        ("domainname", name.domain.as_str()),
        ("machine", &name.machine),
        ("nodename", &name.node),
        ("release", &name.release),
        ("sysname", &name.system),
        ("version", &name.version),
    ];
    push(&mut family, &labels, 1.0);
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_label() {
        let family = names(&SystemName {
            system: "Linux".to_owned(),
            node: "web-1".to_owned(),
            release: "6.12.0".to_owned(),
            version: "#1 SMP".to_owned(),
            machine: "x86_64".to_owned(),
            domain: "(none)".to_owned(),
        });
        assert_eq!(family.name, "node_uname_info");
        let labels: Vec<String> = family
            .metrics
            .iter()
            .map(|metric| metric.labels.to_string())
            .collect();
        assert_eq!(
            labels,
            [
                "{domainname=\"(none)\", machine=\"x86_64\", nodename=\"web-1\", release=\"6.12.0\", sysname=\"Linux\", \
                 version=\"#1 SMP\"}"
            ]
        );
    }
}
