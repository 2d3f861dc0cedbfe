//! Collector `tcpstat`: TCP sockets by state.

use std::collections::BTreeMap;

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use super::io_error;
use super::system::{self, NetlinkProtocol};
use crate::CollectError;
use crate::proc::inet_diag;
use crate::proc::netlink::{REQUEST_DUMP, message};

pub(super) const NAME: &str = "tcpstat";

const BY_FAMILY: u16 = 20;
const TCP: u8 = 6;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Family, protocol, nothing twice, states, and the sockets asked for: all.
const REQUEST_BYTES: usize = 56;

/// By the kernel's number, from 1.
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_recv",
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    count(IPV4, &mut counts)?;
    if roots.proc.contains("net/tcp6") {
        count(IPV6, &mut counts)?;
    }
    let mut families = FamilySet::default();
    for (state, count) in counts {
        let help = "TCP sockets by state, and bytes that wait in all of them.";
        families.add("node_tcp_connection_states", help, &[("state", state)], count);
    }
    families.append_to(out);
    Ok(())
}

fn count(family: u8, counts: &mut BTreeMap<&str, f64>) -> Result<(), CollectError> {
    let mut body = [0; REQUEST_BYTES];
    (body[0], body[1]) = (family, TCP);
    body[4..8].fill(0xff);
    let request = message(BY_FAMILY, REQUEST_DUMP, &body);
    system::exchange(NetlinkProtocol::SocketDiagnosis, &request, &mut |kind, body| {
        if kind == BY_FAMILY {
            let socket = inet_diag::parse(body);
            let state = usize::from(socket.state)
                .checked_sub(1)
                .and_then(|index| STATES.get(index));
            if let Some(state) = state {
                *counts.entry(state).or_default() += 1.0;
            }
            *counts.entry("rx_queued_bytes").or_default() += f64::from(socket.receive_queue_bytes);
            *counts.entry("tx_queued_bytes").or_default() += f64::from(socket.send_queue_bytes);
        }
        Ok(())
    })
    .map_err(|source| io_error("socket diagnosis", source))
}
