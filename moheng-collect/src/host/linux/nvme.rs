//! Collector `nvme`: solid-state disks at the PCI bus.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;

pub(super) const NAME: &str = "nvme";

const FOLDER: &str = "class/nvme";

/// Labels by file, ascending by label.
const INFO: [(&str, &str); 5] = [
    ("cntlid", "cntlid"),
    ("firmware_revision", "firmware_rev"),
    ("model", "model"),
    ("serial", "serial"),
    ("state", "state"),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut info = gauge(
        "node_nvme_info",
        "A disk and what its controller says of it; always 1.",
    );
    let mut namespaces = Namespaces::new();
    for device in roots.sys.list(FOLDER)? {
        let folder = roots.sys.folder(&format!("{FOLDER}/{device}"));
        let values = INFO.map(|(label, file)| (label, folder.attribute_if_known(file).unwrap_or_default()));
        let mut labels: Vec<(&str, &str)> = values
            .iter()
            .map(|(label, value)| (*label, value.as_str()))
            .collect();
        labels.push(("device", &device));
        labels.sort_unstable();
        push(&mut info, &labels, 1.0);
        for name in folder.list("")? {
            if let Some(number) = namespace_of(&device, &name) {
                namespaces.add(&device, number, &folder.folder(&name));
            }
        }
    }
    append(out, [info]);
    append(out, namespaces.families);
    Ok(())
}

/// The number of a namespace: of `nvme0n1`, or `nvme0c1n1` where the disk has several controllers, `1`.
fn namespace_of<'a>(device: &str, name: &'a str) -> Option<&'a str> {
    let (controller, number) = name.strip_prefix(device)?.rsplit_once('n')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_controller = controller.is_empty() || controller.strip_prefix('c').is_some_and(is_number);
    (is_controller && is_number(number)).then_some(number)
}

struct Namespaces {
    families: [MetricFamily; 5],
}

impl Namespaces {
    fn new() -> Self {
        Self {
            families: [
                gauge("node_nvme_namespace_info", "A part of a disk; always 1."),
                gauge(
                    "node_nvme_namespace_capacity_bytes",
                    "How much the part can hold.",
                ),
                gauge("node_nvme_namespace_size_bytes", "The size of the part."),
                gauge(
                    "node_nvme_namespace_used_bytes",
                    "How much of the part is in use.",
                ),
                gauge(
                    "node_nvme_namespace_logical_block_size_bytes",
                    "The size of a block.",
                ),
            ],
        }
    }

    fn add(&mut self, device: &str, number: &str, folder: &Folder) {
        let state = folder.attribute_if_known("ana_state").unwrap_or_default();
        let [info, capacity, size, used, block_size] = &mut self.families;
        push(
            info,
            &[("ana_state", &state), ("device", device), ("nsid", number)],
            1.0,
        );
        let labels = [("device", device), ("nsid", number)];
        let Some(block_bytes) = folder.number_if_known("queue/logical_block_size") else {
            return;
        };
        push(block_size, &labels, block_bytes);
        if let Some(blocks) = folder.number_if_known("size") {
            push(capacity, &labels, blocks * block_bytes);
            push(size, &labels, blocks * block_bytes);
        }
        if let Some(blocks) = folder.number_if_known("nuse") {
            push(used, &labels, blocks * block_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_namespaces() {
        assert_eq!(namespace_of("nvme0", "nvme0n1"), Some("1"));
        assert_eq!(namespace_of("nvme0", "nvme0c3n12"), Some("12"));
        for name in ["nvme1n1", "nvme0", "nvme0n", "nvme0n1p1", "nvme0x1n1", "model"] {
            assert_eq!(namespace_of("nvme0", name), None, "{name}");
        }
    }
}
