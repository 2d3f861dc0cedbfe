//! Collector `watchdog`: devices that restart the machine when it hangs.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "watchdog";

const FOLDER: &str = "class/watchdog";

/// File, metric, what it says.
const NUMBERS: [(&str, &str, &str); 7] = [
    (
        "access_cs0",
        "access_cs0",
        "Whether the machine boots from the other flash chip.",
    ),
    (
        "bootstatus",
        "bootstatus",
        "Why the machine was restarted, as bits.",
    ),
    ("fw_version", "fw_version", "The version of the firmware."),
    (
        "nowayout",
        "nowayout",
        "Whether it cannot be stopped once started (1).",
    ),
    (
        "pretimeout",
        "pretimeout_seconds",
        "How long before the restart it warns.",
    ),
    (
        "timeleft",
        "timeleft_seconds",
        "How long until the restart, if nothing is heard.",
    ),
    (
        "timeout",
        "timeout_seconds",
        "How long it waits before the restart.",
    ),
];

/// Texts, ascending by label.
const TEXTS: [&str; 6] = [
    "identity",
    "name",
    "options",
    "pretimeout_governor",
    "state",
    "status",
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = NUMBERS.map(|(_, metric, help)| gauge(&format!("node_watchdog_{metric}"), help));
    let mut info = gauge("node_watchdog_info", "A device and how it is set; always 1.");
    for name in roots.sys.list(FOLDER)? {
        let folder = roots.sys.folder(&format!("{FOLDER}/{name}"));
        for (family, (file, ..)) in families.iter_mut().zip(NUMBERS) {
            if let Some(value) = folder.number_if_known(file) {
                push(family, &[("name", &name)], value);
            }
        }
        let texts = TEXTS.map(|file| match file {
            "name" => name.clone(),
            _ => folder.attribute_if_known(file).unwrap_or_default(),
        });
        let labels: Vec<(&str, &str)> = TEXTS.into_iter().zip(texts.iter().map(String::as_str)).collect();
        push(&mut info, &labels, 1.0);
    }
    append(out, families);
    append(out, [info]);
    Ok(())
}
