//! Collector `thermal_zone`: temperatures and cooling.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;

pub(super) const NAME: &str = "thermal_zone";

const THERMAL_FOLDER: &str = "class/thermal";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut temperature = gauge(
        "node_thermal_zone_temp",
        "Temperature of the zone in degrees Celsius.",
    );
    for (zone, folder) in devices(roots, "thermal_zone")? {
        let kind = folder.attribute_if_known("type").unwrap_or_default();
        // A zone whose sensor is off does not tell.
        if let Some(millidegrees) = folder.number_if_known("temp") {
            push(
                &mut temperature,
                &[("type", &kind), ("zone", &zone)],
                millidegrees / 1000.0,
            );
        }
    }
    let mut current = gauge(
        "node_cooling_device_cur_state",
        "How hard the cooling device works now.",
    );
    let mut maximum = gauge(
        "node_cooling_device_max_state",
        "How hard the cooling device can work.",
    );
    for (name, folder) in devices(roots, "cooling_device")? {
        let kind = folder.attribute_if_known("type").unwrap_or_default();
        let labels = [("name", name.as_str()), ("type", &kind)];
        for (family, file) in [(&mut current, "cur_state"), (&mut maximum, "max_state")] {
            if let Some(state) = folder.number_if_known(file) {
                push(family, &labels, state);
            }
        }
    }
    append(out, [temperature, current, maximum]);
    Ok(())
}

/// The devices of a kind, by number.
fn devices(roots: &Roots, prefix: &str) -> Result<Vec<(String, Folder)>, CollectError> {
    let numbers = roots.sys.list_numbered(THERMAL_FOLDER, prefix)?;
    Ok(numbers
        .into_iter()
        .map(|number| {
            let folder = roots.sys.folder(&format!("{THERMAL_FOLDER}/{prefix}{number}"));
            (number.to_string(), folder)
        })
        .collect())
}
