//! Collector `ipvs`: the load balancer of the kernel.

use moheng_metrics::MetricFamily;

use super::families::{append, counter_of, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::ip_vs;

pub(super) const NAME: &str = "ipvs";

const TOTALS: [(&str, &str); 5] = [
    ("connections", "Connections that were balanced."),
    ("incoming_packets", "Packets of clients."),
    ("outgoing_packets", "Packets to clients."),
    ("incoming_bytes", "Bytes of clients."),
    ("outgoing_bytes", "Bytes to clients."),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let file = "net/ip_vs_stats";
    let content = roots.proc.read(file)?;
    let totals = ip_vs::parse_totals(&content).map_err(|error| roots.proc.malformed(file, error))?;
    for ((name, help), total) in TOTALS.into_iter().zip(totals) {
        out.push(counter_of(&format!("node_ipvs_{name}_total"), help, total as f64));
    }
    let file = "net/ip_vs";
    let content = roots.proc.read(file)?;
    let backends = ip_vs::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    let mut active = gauge(
        "node_ipvs_backend_connections_active",
        "Connections of the server that are in use.",
    );
    let mut inactive = gauge(
        "node_ipvs_backend_connections_inactive",
        "Connections of the server that ended lately.",
    );
    let mut weight = gauge(
        "node_ipvs_backend_weight",
        "How much the server gets of what comes.",
    );
    for backend in backends {
        let service = &backend.service;
        let labels = [
            ("local_address", service.local.address.as_str()),
            ("local_mark", &service.mark),
            ("local_port", &service.local.port.to_string()),
            ("proto", &service.protocol),
            ("remote_address", &backend.remote.address),
            ("remote_port", &backend.remote.port.to_string()),
        ];
        push(&mut active, &labels, backend.active as f64);
        push(&mut inactive, &labels, backend.inactive as f64);
        push(&mut weight, &labels, backend.weight as f64);
    }
    append(out, [active, inactive, weight]);
    Ok(())
}
