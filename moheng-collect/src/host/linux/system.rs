//! The system calls behind collectors that do not read files.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::net::netlink::{self as protocols, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use crate::proc::netlink::{self, Progress, TakeMessage};
use crate::proc::{link, text};

const GET_LINK: u16 = 18;
const GET_NEIGHBOUR: u16 = 30;
const FAMILY_ANY: u8 = 0;
const FAMILY_IPV4: u8 = 2;
/// The kernel fills at most 32 KiB per read of a dump.
const DATAGRAM_BYTES: usize = 64 << 10;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What `statfs` says of a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct FilesystemSpace {
    pub(super) size_bytes: f64,
    pub(super) free_bytes: f64,
    /// Free for users other than root.
    pub(super) available_bytes: f64,
    pub(super) files: f64,
    pub(super) files_free: f64,
}

/// Who this machine says it is.
#[derive(Clone, Debug, Default)]
pub(super) struct SystemName {
    pub(super) system: String,
    pub(super) node: String,
    pub(super) release: String,
    pub(super) version: String,
    pub(super) machine: String,
    pub(super) domain: String,
}

/// A kind of netlink socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetlinkProtocol {
    Route,
    SocketDiagnosis,
    Generic,
}

/// Asks for the filesystem that holds `path`.
pub(super) fn space(path: &[u8]) -> io::Result<FilesystemSpace> {
    let fs = rustix::fs::statfs(Path::new(OsStr::from_bytes(path)))?;
    let block_bytes = fs.f_bsize as f64;
    Ok(FilesystemSpace {
        size_bytes: fs.f_blocks as f64 * block_bytes,
        free_bytes: fs.f_bfree as f64 * block_bytes,
        available_bytes: fs.f_bavail as f64 * block_bytes,
        files: fs.f_files as f64,
        files_free: fs.f_ffree as f64,
    })
}

pub(super) fn system_name() -> SystemName {
    let name = rustix::system::uname();
    let owned = |part: &CStr| text(part.to_bytes()).into_owned();
    SystemName {
        system: owned(name.sysname()),
        node: owned(name.nodename()),
        release: owned(name.release()),
        version: owned(name.version()),
        machine: owned(name.machine()),
        domain: owned(name.domainname()),
    }
}

pub(super) fn page_bytes() -> usize {
    rustix::param::page_size()
}

/// All network devices of this process's network namespace.
pub(super) fn dump_links() -> io::Result<link::Dump> {
    dump(GET_LINK, FAMILY_ANY)
}

/// All IPv4 neighbours of this process's network namespace.
pub(super) fn dump_neighbours() -> io::Result<link::Dump> {
    dump(GET_NEIGHBOUR, FAMILY_IPV4)
}

fn dump(kind: u16, family: u8) -> io::Result<link::Dump> {
    let mut body = [0; 16];
    body[0] = family;
    let mut dump = link::Dump::default();
    let request = netlink::message(kind, netlink::REQUEST_DUMP, &body);
    exchange(NetlinkProtocol::Route, &request, &mut |kind, body| {
        dump.take(kind, body)
    })?;
    Ok(dump)
}

/// Sends a request and takes the messages of the answer until it is finished.
pub(super) fn exchange(protocol: NetlinkProtocol, request: &[u8], take: TakeMessage<'_>) -> io::Result<()> {
    let protocol = match protocol {
        NetlinkProtocol::Route => None,
        NetlinkProtocol::SocketDiagnosis => Some(protocols::SOCK_DIAG),
        NetlinkProtocol::Generic => Some(protocols::GENERIC),
    };
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
    sendto(
        &socket,
        request,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut datagram = vec![0; DATAGRAM_BYTES];
    loop {
        let (length, _) = recv(&socket, &mut datagram[..], RecvFlags::empty())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let progress = netlink::read_messages(&datagram[..length], take)
            .map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed.message))?;
        match progress {
            Progress::Unfinished => {}
            Progress::Finished => return Ok(()),
            Progress::Refused(number) => return Err(io::Error::from_raw_os_error(number)),
        }
    }
}
