//! Collector `loadavg`: the load averages.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::loadavg;

pub(super) const NAME: &str = "loadavg";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("loadavg")?;
    let [one, five, fifteen] =
        loadavg::parse(&content).map_err(|error| roots.proc.malformed("loadavg", error))?;
    out.push(gauge_of("node_load1", "Load average of the last minute.", one));
    out.push(gauge_of(
        "node_load5",
        "Load average of the last 5 minutes.",
        five,
    ));
    out.push(gauge_of(
        "node_load15",
        "Load average of the last 15 minutes.",
        fifteen,
    ));
    Ok(())
}
