//! Collector `bonding`: network devices joined into one.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::MalformedFile;

pub(super) const NAME: &str = "bonding";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let folder = roots.sys.folder("class/net");
    let mut slaves = gauge("node_bonding_slaves", "Devices joined into this one.");
    let mut active = gauge("node_bonding_active", "Devices joined into this one that are up.");
    for master in folder.attribute("bonding_masters")?.split_ascii_whitespace() {
        let file = format!("{master}/bonding/slaves");
        let members = folder.attribute(&file)?;
        let (mut count, mut up) = (0, 0);
        for member in members.split_ascii_whitespace() {
            // Kernels before 3.13 call the link otherwise.
            let mut statuses = ["lower", "slave"]
                .map(|link| format!("{master}/{link}_{member}/bonding_slave/mii_status"))
                .into_iter();
            let status = statuses.find(|status| folder.contains(status)).ok_or_else(|| {
                folder.malformed(&file, MalformedFile::whole("a device that is joined expected"))
            })?;
            count += 1;
            up += folder.value(&status, "the status of a link", is_up)?;
        }
        push(&mut slaves, &[("master", master)], f64::from(count));
        push(&mut active, &[("master", master)], f64::from(up));
    }
    append(out, [slaves, active]);
    Ok(())
}

/// 1 for a link that works, 0 for one that does not.
fn is_up(status: &str) -> Option<u32> {
    match status {
        "up" => Some(1),
        "down" | "going down" | "going back" => Some(0),
        _ => None,
    }
}
