//! Collector `uname`: the names of the system.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use super::system;
use crate::CollectError;

pub(super) const NAME: &str = "uname";

#[expect(clippy::unnecessary_wraps, reason = "all collectors have this signature")]
pub(super) fn collect(_roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let name = system::system_name();
    let mut family = gauge("node_uname_info", "1; the labels are what uname(2) says.");
    let labels = [
        ("domainname", name.domain.as_str()),
        ("machine", &name.machine),
        ("nodename", &name.node),
        ("release", &name.release),
        ("sysname", &name.system),
        ("version", &name.version),
    ];
    push(&mut family, &labels, 1.0);
    append(out, [family]);
    Ok(())
}
