//! Messages of the kernel's socket diagnosis: TCP sockets.

use super::netlink::u32_at;

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// The kernel's number of the state, from 1.
    pub(crate) state: u8,
    pub(crate) receive_queue_bytes: u32,
    pub(crate) send_queue_bytes: u32,
}

/// `struct inet_diag_msg`: what the sockets are called comes between its state and its queues.
pub(crate) fn parse(body: &[u8]) -> Socket {
    Socket {
        state: body.get(1).copied().unwrap_or_default(),
        receive_queue_bytes: u32_at(body, 56),
        send_queue_bytes: u32_at(body, 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket() {
        let mut body = vec![0; 72];
        body[1] = 10;
        body[56] = 3;
        body[60] = 4;
        let expected = Socket {
            state: 10,
            receive_queue_bytes: 3,
            send_queue_bytes: 4,
        };
        assert_eq!(parse(&body), expected);
        assert_eq!(parse(&[]).state, 0);
    }
}
