//! Collector `edac`: errors of memory modules that were corrected, or could not be.

use moheng_metrics::MetricFamily;

use super::families::{append, counter, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;

pub(super) const NAME: &str = "edac";

const FOLDER: &str = "devices/system/edac/mc";

/// Correctable and uncorrectable errors of one kind of part.
struct Counts([MetricFamily; 2]);

/// Of what the errors are counted; the files are called after it.
const KINDS: [&str; 2] = ["ce", "ue"];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut controllers = Counts::new("", "Errors of a memory controller.");
    let mut rows = Counts::new("csrow_", "Errors of a row of memory modules.");
    let mut channels = Counts::new("channel_", "Errors of a channel of a row of memory modules.");
    let controllers_found = match roots.sys.list_numbered(FOLDER, "mc") {
        // Memory that is not checked is no failure.
        Err(error) if error.is_no_data() => Vec::new(),
        numbers => numbers?,
    };
    for number in controllers_found {
        let folder = roots.sys.folder(&format!("{FOLDER}/mc{number}"));
        let controller = number.to_string();
        for (family, kind) in controllers.0.iter_mut().zip(KINDS) {
            push(
                family,
                &[("controller", &controller)],
                folder.number(&format!("{kind}_count"))?,
            );
        }
        for (family, kind) in rows.0.iter_mut().zip(KINDS) {
            let labels = [("controller", controller.as_str()), ("csrow", "unknown")];
            push(family, &labels, folder.number(&format!("{kind}_noinfo_count"))?);
        }
        for row in folder.list_numbered("", "csrow")? {
            let folder = folder.folder(&format!("csrow{row}"));
            let row = row.to_string();
            for (family, kind) in rows.0.iter_mut().zip(KINDS) {
                let labels = [("controller", controller.as_str()), ("csrow", row.as_str())];
                push(family, &labels, folder.number(&format!("{kind}_count"))?);
            }
            add_channels(&mut channels, &controller, &row, &folder)?;
        }
    }
    for Counts(families) in [controllers, rows, channels] {
        append(out, families);
    }
    Ok(())
}

fn add_channels(
    channels: &mut Counts,
    controller: &str,
    row: &str,
    folder: &Folder,
) -> Result<(), CollectError> {
    for name in folder.list("")? {
        let Some(channel) = name
            .strip_prefix("ch")
            .and_then(|name| name.strip_suffix("_ce_count"))
        else {
            continue;
        };
        let module = folder.attribute_if_known(&format!("ch{channel}_dimm_label"));
        let module = module_label(&module.unwrap_or_default());
        let labels = [
            ("channel", channel),
            ("controller", controller),
            ("csrow", row),
            ("dimm_label", &module),
        ];
        for (family, kind) in channels.0.iter_mut().zip(KINDS) {
            if let Some(count) = folder.number_if_known(&format!("ch{channel}_{kind}_count")) {
                push(family, &labels, count);
            }
        }
    }
    Ok(())
}

impl Counts {
    fn new(part: &str, help: &str) -> Self {
        let family = |kind: &str, what: &str| {
            counter(
                &format!("node_edac_{part}{kind}_errors_total"),
                &format!("{help} {what}"),
            )
        };
        Self([
            family("correctable", "These were corrected."),
            family("uncorrectable", "These could not be corrected."),
        ])
    }
}

/// What the driver calls modules that nobody named, `mc#0csrow#1channel#2`, is made readable; other labels are kept.
fn module_label(label: &str) -> String {
    let number = |part: &str| {
        let number = part.strip_prefix('#').unwrap_or(part);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| number.to_owned())
    };
    let readable = || {
        let (controller, rest) = label.strip_prefix("mc")?.split_once("csrow")?;
        let (row, channel) = rest.split_once("channel")?;
        let (controller, row, channel) = (number(controller)?, number(row)?, number(channel)?);
        Some(format!("mc{controller}_csrow{row}_channel{channel}"))
    };
    readable().unwrap_or_else(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_modules() {
        assert_eq!(module_label("mc#0csrow#1channel#2"), "mc0_csrow1_channel2");
        assert_eq!(module_label("mc0csrow1channel2"), "mc0_csrow1_channel2");
        for named in [
            "CPU_SrcID#0_Ha#0_Chan#0_DIMM#0",
            "DIMM_A1",
            "mccsrow1channel2",
            "",
        ] {
            assert_eq!(module_label(named), named);
        }
    }
}
