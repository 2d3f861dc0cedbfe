//! Collector `cgroups`: the controllers of control groups.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{cgroups, text};

pub(super) const NAME: &str = "cgroups";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("cgroups")?;
    let controllers = cgroups::parse(&content).map_err(|error| roots.proc.malformed("cgroups", error))?;
    let mut groups = gauge("node_cgroups_cgroups", "Control groups that use the controller.");
    let mut enabled = gauge(
        "node_cgroups_enabled",
        "Whether the controller is enabled (1) or not (0).",
    );
    for controller in controllers {
        let name = text(controller.name);
        let labels = [("subsys_name", &*name)];
        push(&mut groups, &labels, controller.groups as f64);
        push(&mut enabled, &labels, f64::from(u8::from(controller.is_enabled)));
    }
    append(out, [groups, enabled]);
    Ok(())
}
