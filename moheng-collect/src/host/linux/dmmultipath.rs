//! Collector `dmmultipath`: disks that are reached over several paths.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;

pub(super) const NAME: &str = "dmmultipath";

const SECTOR_BYTES: f64 = 512.0;
/// Longer than any state the kernel has a word for.
const STATE_BYTES_MAX: usize = 32;

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let block = roots.sys.folder("block");
    let mut families = FamilySet::default();
    for name in block.list("")?.iter().filter(|name| name.starts_with("dm-")) {
        let uuid = match block.attribute(&format!("{name}/dm/uuid")) {
            Ok(uuid) => uuid,
            Err(error) if error.is_no_data() => continue,
            Err(error) => return Err(error),
        };
        if uuid.starts_with("mpath-") {
            collect_device(name, &uuid, &block, &mut families)?;
        }
    }
    families.append_to(out);
    Ok(())
}

fn collect_device(
    sysfs_name: &str,
    uuid: &str,
    block: &Folder,
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let folder = block.folder(sysfs_name);
    let device = folder.attribute("dm/name")?;
    let labels = [("device", device.as_str()), ("sysfs_name", sysfs_name)];
    let info = [labels[0], labels[1], ("uuid", uuid)];
    families.add(
        "node_dmmultipath_device_info",
        "A disk with several paths; always 1.",
        &info,
        1.0,
    );
    let states = path_states(&folder, block)?;
    for (path, state) in &states {
        let labels = [labels[0], ("path", path.as_str()), ("state", state.as_str())];
        let help = "A path and the state the kernel gives it; always 1.";
        families.add("node_dmmultipath_path_state", help, &labels, 1.0);
    }
    let working = |state: &str| matches!(state, "running" | "live");
    let active = states.iter().filter(|(_, state)| working(state)).count();
    let is_active = folder.number("dm/suspended")? != 1.0;
    let size_bytes = folder.number("size")? * SECTOR_BYTES;
    let mut add = |part: &str, help: &str, value: f64| {
        families.add(&format!("node_dmmultipath_device_{part}"), help, &labels, value);
    };
    add(
        "active",
        "Whether the disk is active (1) or suspended (0).",
        f64::from(u8::from(is_active)),
    );
    add("size_bytes", "The size of the disk.", size_bytes);
    add("paths", "Paths to the disk.", states.len() as f64);
    add("paths_active", "Paths to the disk that work.", active as f64);
    add(
        "paths_failed",
        "Paths to the disk that do not work.",
        (states.len() - active) as f64,
    );
    Ok(())
}

fn path_states(folder: &Folder, block: &Folder) -> Result<Vec<(String, String)>, CollectError> {
    let paths = folder.list_optional("slaves")?;
    paths
        .into_iter()
        .map(|path| {
            let state = block.value(&format!("{path}/device/state"), "a state", state)?;
            Ok((path, state))
        })
        .collect()
}

/// A word such as `transport-offline`.
fn state(text: &str) -> Option<String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (is_word && (1..=STATE_BYTES_MAX).contains(&text.len())).then(|| text.to_owned())
}
