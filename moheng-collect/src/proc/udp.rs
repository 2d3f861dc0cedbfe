//! `/proc/net/udp` and `udp6`: the queues of all sockets together.

use super::MalformedFile;
use super::scan::{expected, fields, hexadecimal, lines, split_once};

/// Bytes waiting in the queues of all sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UdpQueues {
    pub(crate) transmit_bytes: u64,
    pub(crate) receive_bytes: u64,
}

pub(crate) fn parse(content: &[u8]) -> Result<UdpQueues, MalformedFile> {
    let mut queues = UdpQueues::default();
    let mut lines = lines(content);
    // Also where there is no socket.
    let header = lines.next().map(|(_, line)| fields(line).next());
    if header != Some(Some(b"sl")) {
        return Err(MalformedFile::new(1, "the names of the columns expected"));
    }
    for (number, line) in lines {
        let field = fields(line).nth(4);
        let (transmit, receive) = field
            .and_then(|field| split_once(field, b':'))
            .and_then(|(transmit, receive)| Some((hexadecimal(transmit)?, hexadecimal(receive)?)))
            .ok_or_else(|| expected("TX_QUEUE:RX_QUEUE", field, number))?;
        queues.transmit_bytes = queues.transmit_bytes.saturating_add(transmit);
        queues.receive_bytes = queues.receive_bytes.saturating_add(receive);
    }
    Ok(queues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let content = b"  sl  local_address rem_address\n 0: 0A000005:0016 00000000:0000 0A 00000015:00000001 00\n 1: 0A000005:0016 00000000:0000 0A 00000001:00000000 00\n";
        let queues = parse(content).unwrap();
        assert_eq!((queues.transmit_bytes, queues.receive_bytes), (22, 1));
        assert_eq!(parse(b"").unwrap_err().line, 1);
        assert_eq!(parse(b"sl\n 0: a b c d\n").unwrap_err().line, 2);
    }
}
