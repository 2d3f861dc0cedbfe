//! Collector `mdadm`: software RAID.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::mdstat::{self, State};
use crate::proc::text;

pub(super) const NAME: &str = "mdadm";

/// The states that are told apart.
const STATES: [(&str, State); 5] = [
    ("active", State::Active),
    ("inactive", State::Inactive),
    ("recovering", State::Recovering),
    ("resync", State::Resyncing),
    ("check", State::Checking),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("mdstat")?;
    let arrays = mdstat::parse(&content).map_err(|error| roots.proc.malformed("mdstat", error))?;
    let mut state = gauge(
        "node_md_state",
        "Whether the array is in this state (1) or not (0).",
    );
    let mut disks = gauge("node_md_disks", "Disks of the array by what they do.");
    let mut required = gauge("node_md_disks_required", "Disks the array should have.");
    let mut blocks = gauge("node_md_blocks", "Blocks of the array.");
    let mut synced = gauge("node_md_blocks_synced", "Blocks of the array that are in sync.");
    for array in &arrays {
        let name = text(array.name);
        for (label, value) in STATES {
            let is_in = f64::from(u8::from(array.state == value));
            push(&mut state, &[("device", &name), ("state", label)], is_in);
        }
        let counts = [
            ("active", array.active),
            ("failed", array.failed),
            ("spare", array.spare),
        ];
        for (label, count) in counts {
            push(&mut disks, &[("device", &name), ("state", label)], count as f64);
        }
        let device = [("device", &*name)];
        push(&mut required, &device, array.required as f64);
        push(&mut blocks, &device, array.blocks as f64);
        push(&mut synced, &device, array.blocks_synced as f64);
    }
    append(out, [state, disks, required, blocks, synced]);
    add_degraded(roots, out)
}

/// What only sysfs tells.
fn add_degraded(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut raid_disks = gauge("node_md_raid_disks", "Disks the array is made for.");
    let mut degraded = gauge("node_md_degraded", "Disks the array lacks.");
    let names = match roots.sys.list("block") {
        Err(error) if error.is_no_data() => return Ok(()),
        result => result?,
    };
    for name in names.iter().filter(|name| name.starts_with("md")) {
        let folder = roots.sys.folder(&format!("block/{name}/md"));
        if let Some(count) = folder.number_if_known("raid_disks") {
            push(&mut raid_disks, &[("device", name)], count);
            // An array without redundancy has no such file.
            let missing = match folder.number("degraded") {
                Err(error) if error.is_no_data() => 0.0,
                missing => missing?,
            };
            push(&mut degraded, &[("device", name)], missing);
        }
    }
    append(out, [raid_disks, degraded]);
    Ok(())
}
