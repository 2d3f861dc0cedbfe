//! `/proc/PID/mountstats`: what NFS clients count, by mount.

use std::borrow::Cow;

use super::MalformedFile;
use super::scan::{decimal, expect_decimal, expected, fields, split_once, text};

/// Bytes read and written in several ways; the order is the kernel's.
pub(crate) const BYTES: usize = 8;
/// Events; the order is the kernel's.
pub(crate) const EVENTS: usize = 27;
/// Of an operation: requests, transmissions, timeouts, bytes sent and received, three times in ms.
const OPERATION_COUNTS: usize = 8;

/// A mount, in the order of the file; all mounts are listed, so that their numbers are those of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount<'a> {
    pub(crate) device: Cow<'a, str>,
    pub(crate) point: Cow<'a, str>,
    /// For NFS only.
    pub(crate) nfs: Option<Nfs<'a>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nfs<'a> {
    pub(crate) age_seconds: u64,
    pub(crate) bytes: [u64; BYTES],
    pub(crate) events: [u64; EVENTS],
    pub(crate) transports: Vec<Transport<'a>>,
    pub(crate) operations: Vec<Operation<'a>>,
}

/// A connection to the server. Counts that a protocol does not have are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transport<'a> {
    pub(crate) protocol: Cow<'a, str>,
    pub(crate) binds: u64,
    pub(crate) connects: u64,
    pub(crate) idle_seconds: u64,
    pub(crate) sends: u64,
    pub(crate) receives: u64,
    pub(crate) bad_transactions: u64,
    pub(crate) backlog: u64,
    pub(crate) slots_max: u64,
    pub(crate) sending: u64,
    pub(crate) pending: u64,
}

/// Requests of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Operation<'a> {
    pub(crate) name: Cow<'a, str>,
    /// Requests, transmissions, timeouts, bytes sent, bytes received.
    pub(crate) counts: [u64; 5],
    /// Waiting, being answered, and from begin to end.
    pub(crate) times_ms: [u64; 3],
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Mount<'_>>, MalformedFile> {
    let mut mounts: Vec<Mount<'_>> = Vec::new();
    let mut is_in_operations = false;
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        let words: Vec<&[u8]> = fields(line).collect();
        let Some((first, rest)) = words.split_first() else {
            is_in_operations = false;
            continue;
        };
        if *first == b"device" {
            mounts.push(parse_device(rest, number)?);
            is_in_operations = false;
            continue;
        }
        let Some(nfs) = mounts.last_mut().and_then(|mount| mount.nfs.as_mut()) else {
            continue;
        };
        if is_in_operations {
            nfs.operations.push(parse_operation(first, rest, number)?);
            continue;
        }
        match *first {
            b"age:" => nfs.age_seconds = expect_decimal(rest.first().copied(), number, "an age in seconds")?,
            b"bytes:" => nfs.bytes = counts(rest, number)?,
            b"events:" => nfs.events = counts(rest, number)?,
            b"xprt:" => nfs.transports.push(parse_transport(rest, number)?),
            b"per-op" => is_in_operations = true,
            _ => {}
        }
    }
    Ok(mounts)
}

/// `DEVICE mounted on POINT with fstype TYPE [statvers=VERSION]`
fn parse_device<'a>(words: &[&'a [u8]], line: usize) -> Result<Mount<'a>, MalformedFile> {
    let [
        device,
        b"mounted",
        b"on",
        point,
        b"with",
        b"fstype",
        fs_type,
        rest @ ..,
    ] = words
    else {
        return Err(MalformedFile::new(
            line,
            "\"device DEVICE mounted on POINT with fstype TYPE\" expected",
        ));
    };
    let is_nfs = matches!(*fs_type, b"nfs" | b"nfs4") && !rest.is_empty();
    Ok(Mount {
        device: text(device),
        point: text(point),
        nfs: is_nfs.then(Nfs::default),
    })
}

/// `PROTOCOL PORT BINDS ...`; only connections of TCP and RDMA have the three counts of connecting.
fn parse_transport<'a>(words: &[&'a [u8]], line: usize) -> Result<Transport<'a>, MalformedFile> {
    let Some((protocol, numbers)) = words.split_first() else {
        return Err(expected("a protocol", None, line));
    };
    let numbers: Vec<u64> = numbers
        .iter()
        .map(|word| decimal(word).ok_or_else(|| expected("a count", Some(word), line)))
        .collect::<Result<_, _>>()?;
    let connecting = match *protocol {
        b"udp" => 0,
        b"tcp" | b"rdma" | b"tcp-tls" => 3,
        other => return Err(expected("tcp, udp or rdma", Some(other), line)),
    };
    // The last three are missing in version 1.0 of the file.
    let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
    let after = |index: usize| at(2 + connecting + index);
    if numbers.len() < 2 + connecting + 5 {
        return Err(MalformedFile::new(line, "more counts of the transport expected"));
    }
    Ok(Transport {
        protocol: text(protocol),
        binds: at(1),
        connects: if connecting > 0 { at(2) } else { 0 },
        idle_seconds: if connecting > 0 { at(4) } else { 0 },
        sends: after(0),
        receives: after(1),
        bad_transactions: after(2),
        backlog: after(4),
        slots_max: after(5),
        sending: after(6),
        pending: after(7),
    })
}

/// `NAME: REQUESTS TRANSMISSIONS TIMEOUTS SENT RECEIVED QUEUE_MS RESPONSE_MS REQUEST_MS [ERRORS]`; Node Exporter does not report errors either.
fn parse_operation<'a>(
    name: &'a [u8],
    words: &[&'a [u8]],
    line: usize,
) -> Result<Operation<'a>, MalformedFile> {
    let [
        requests,
        transmissions,
        timeouts,
        sent,
        received,
        queue,
        response,
        request,
    ] = counts::<OPERATION_COUNTS>(words, line)?;
    let (name, _) = split_once(name, b':').unwrap_or((name, &[]));
    Ok(Operation {
        name: text(name),
        counts: [requests, transmissions, timeouts, sent, received],
        times_ms: [queue, response, request],
    })
}

fn counts<const COUNT: usize>(words: &[&[u8]], line: usize) -> Result<[u64; COUNT], MalformedFile> {
    let mut counts = [0; COUNT];
    for (index, count) in counts.iter_mut().enumerate() {
        *count = expect_decimal(words.get(index).copied(), line, "a count")?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFS: &str = "device proc mounted on /proc with fstype proc\n\
        device srv:/a mounted on /mnt with fstype nfs4 statvers=1.1\n\
        \tage:\t7\n\
        \tbytes:\t1 2 3 4 5 6 7 8\n\
        \txprt:\tudp 832 1 10 11 12 13 14 15 16 17\n\
        \txprt:\ttcp 832 1 2 3 4 10 11 12 13 14 15 16 17\n\
        \tper-op statistics\n\
        \t NULL: 1 2 3 4 5 6 7 8 9\n\
        \t READ: 1 2 3 4 5 6 7 8\n\n\
        age: 9\n";

    #[test]
    fn mounts() {
        let mounts = parse(NFS.as_bytes()).unwrap();
        assert_eq!(mounts.len(), 2);
        assert!(mounts[0].nfs.is_none());
        let nfs = mounts[1].nfs.as_ref().unwrap();
        assert_eq!(
            nfs.age_seconds, 9,
            "a line after a blank one belongs to the mount all the same"
        );
        assert_eq!(nfs.bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        let [udp, tcp] = &nfs.transports[..] else {
            panic!("two transports")
        };
        assert_eq!(
            (udp.binds, udp.connects, udp.idle_seconds, udp.sends, udp.pending),
            (1, 0, 0, 10, 17)
        );
        assert_eq!(
            (tcp.binds, tcp.connects, tcp.idle_seconds, tcp.sends, tcp.pending),
            (1, 2, 4, 10, 17)
        );
        assert_eq!(nfs.operations[1].times_ms, [6, 7, 8]);
    }

    #[test]
    fn faults() {
        let device = "device a mounted on /b with fstype nfs statvers=1.1\n";
        for (line, content) in [
            (1, "device a on /b\n".to_owned()),
            (2, format!("{device}bytes: 1 2\n")),
            (2, format!("{device}events: x\n")),
            (2, format!("{device}xprt: carrier-pigeon 1\n")),
            (2, format!("{device}xprt: tcp 1 2 3\n")),
            (3, format!("{device}per-op statistics\nNULL: 1\n")),
        ] {
            assert_eq!(parse(content.as_bytes()).unwrap_err().line, line, "{content}");
        }
    }
}
