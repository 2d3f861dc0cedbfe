//! Collector `bonding`: network devices joined into one.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "bonding";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let folder = roots.sys.folder("class/net");
    let mut slaves = gauge("node_bonding_slaves", "Devices joined into this one.");
    let mut active = gauge("node_bonding_active", "Devices joined into this one that are up.");
    for master in folder.attribute("bonding_masters")?.split_ascii_whitespace() {
        let members = folder.attribute(&format!("{master}/bonding/slaves"))?;
        let is_up = |member: &&str| {
            // Kernels before 3.13 call the link otherwise.
            ["lower", "slave"].into_iter().any(|link| {
                let status = format!("{master}/{link}_{member}/bonding_slave/mii_status");
                folder.attribute_if_known(&status).as_deref() == Some("up")
            })
        };
        let members: Vec<&str> = members.split_ascii_whitespace().collect();
        let up = members.iter().copied().filter(is_up).count();
        push(&mut slaves, &[("master", master)], members.len() as f64);
        push(&mut active, &[("master", master)], up as f64);
    }
    append(out, [slaves, active]);
    Ok(())
}
