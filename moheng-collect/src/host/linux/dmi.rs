//! Collector `dmi`: what the firmware says about the machine.

use std::sync::OnceLock;

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::{append, gauge, push_known};
use crate::files::Folder;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "dmi";

/// Label and file, ascending by label.
const LABELS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

#[derive(Debug)]
struct Dmi {
    sys: Folder,
    /// Does not change while the machine runs.
    known: OnceLock<Vec<(&'static str, String)>>,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Dmi {
        sys: Folder::new(&options.roots.sys),
        known: OnceLock::new(),
    })
}

impl Collector for Dmi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let folder = self.sys.folder("class/dmi/id");
        folder.list("")?;
        let known = self.known.get_or_init(|| {
            // Serial numbers and UUIDs are for root only.
            let known = |&(label, file)| Some((label, folder.attribute_if_known(file)?));
            LABELS.iter().filter_map(known).collect()
        });
        let labels: Vec<_> = known
            .iter()
            .map(|(label, value)| (*label, value.as_str()))
            .collect();
        let mut family = gauge("node_dmi_info", "1; the labels describe the hardware.");
        push_known(&mut family, &labels, 1.0);
        append(out, [family]);
        Ok(())
    }
}
