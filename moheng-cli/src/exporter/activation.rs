//! Sockets that the service manager listens on already (`LISTEN_FDS`, `LISTEN_PID`).

use std::io;
use std::net::TcpListener;

/// The number of the first socket that is handed over.
const FIRST: i32 = 3;
/// More than any unit has.
const SOCKETS_MAX: u32 = 64;

/// The sockets this process was given, ready for asynchronous use.
///
/// # Errors
///
/// When there are none, or they do not listen for TCP connections; the message says why.
pub(super) fn given_listeners() -> Result<Vec<TcpListener>, String> {
    let variable = |name: &str| std::env::var(name).ok();
    let count = count(
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        std::process::id(),
    )?;
    let cannot = |error: io::Error| format!("cannot take the sockets of the service manager: {error}");
    (FIRST..)
        .zip(0..count)
        .map(|(number, _)| listener(number).map_err(cannot))
        .collect()
}

/// How many sockets there are for the process `own`.
fn count(process: Option<&str>, sockets: Option<&str>, own: u32) -> Result<u32, String> {
    let is_own = process.and_then(|process| process.parse().ok()) == Some(own);
    let sockets = sockets.and_then(|sockets| sockets.parse().ok());
    match sockets.filter(|_| is_own) {
        Some(count @ 1..=SOCKETS_MAX) => Ok(count),
        _ => Err(
            "the service manager gave no socket to --web.systemd-socket; start it by a socket unit"
                .to_owned(),
        ),
    }
}

#[cfg(target_os = "linux")]
fn listener(number: i32) -> io::Result<TcpListener> {
    use rustix::net::sockopt::socket_acceptconn;
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    // A copy, which is as good: a number by itself is no proof that somebody else does not use it.
    let process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(process, number, PidfdGetfdFlags::empty())?;
    if !socket_acceptconn(&socket)? {
        return Err(io::Error::other(format!("socket {number} does not listen")));
    }
    let listener = TcpListener::from(socket);
    // Of any other kind of socket, this is not known.
    listener.local_addr()?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(not(target_os = "linux"))]
fn listener(_number: i32) -> io::Result<TcpListener> {
    Err(io::Error::other("only Linux has such a service manager"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_for_one_process() {
        for (process, sockets, expected) in [
            (Some("7"), Some("2"), Some(2)),
            (Some("8"), Some("2"), None),
            (None, Some("2"), None),
            (Some("7"), None, None),
            (Some("7"), Some("0"), None),
            (Some("7"), Some("-1"), None),
            (Some("7"), Some("1000000"), None),
        ] {
            assert_eq!(
                count(process, sockets, 7).ok(),
                expected,
                "{process:?} {sockets:?}"
            );
        }
    }
}
