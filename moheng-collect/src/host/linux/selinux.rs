//! Collector `selinux`: whether mandatory access control is on.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "selinux";

const ENFORCE: &str = "fs/selinux/enforce";
const CONFIG: &str = "etc/selinux/config";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = FamilySet::default();
    let is_on = roots.sys.contains(ENFORCE);
    let help = "Whether SELinux is on (1) or off (0).";
    families.add("node_selinux_enabled", help, &[], f64::from(u8::from(is_on)));
    if is_on {
        let config = roots.root_fs.read_optional(CONFIG)?.unwrap_or_default();
        let help = "What is configured: enforcing (1), permissive (0), disabled (-1).";
        let mode = configured_mode(&String::from_utf8_lossy(&config));
        families.add("node_selinux_config_mode", help, &[], mode);
        let help = "What is in force: enforcing (1), permissive (0).";
        families.add("node_selinux_current_mode", help, &[], roots.sys.number(ENFORCE)?);
    }
    families.append_to(out);
    Ok(())
}

fn configured_mode(config: &str) -> f64 {
    let mode = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix("SELINUX="))
        .next_back()
        .unwrap_or_default();
    match mode.trim() {
        "enforcing" => 1.0,
        "permissive" => 0.0,
        _ => -1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (config, mode) in [
            (
                "# SELINUX=permissive\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
                1.0,
            ),
            ("SELINUX=permissive", 0.0),
            ("SELINUX=disabled", -1.0),
            ("", -1.0),
        ] {
            assert_eq!(configured_mode(config), mode, "{config}");
        }
    }
}
