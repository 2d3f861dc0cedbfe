//! The system calls behind collectors that do not read files.

use std::io;

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

pub(super) use platform::{dump_links, dump_neighbours, page_bytes, space, system_name};

#[cfg(target_os = "linux")]
mod platform {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::Duration;

    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    };

    use super::{FilesystemSpace, SystemName, io};
    use crate::proc::{link, text};

    const GET_LINK: u16 = 18;
    const GET_NEIGHBOUR: u16 = 30;
    /// `NLM_F_REQUEST | NLM_F_DUMP`
    const REQUEST_DUMP: u16 = 0x301;
    const FAMILY_ANY: u8 = 0;
    const FAMILY_IPV4: u8 = 2;
    /// The kernel fills at most 32 KiB per read of a dump.
    const DATAGRAM_BYTES: usize = 64 << 10;
    const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

    /// Asks for the filesystem that holds `path`.
    pub(in super::super) fn space(path: &[u8]) -> io::Result<FilesystemSpace> {
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

    pub(in super::super) fn system_name() -> SystemName {
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

    pub(in super::super) fn page_bytes() -> usize {
        rustix::param::page_size()
    }

    /// All network devices of this process's network namespace.
    pub(in super::super) fn dump_links() -> io::Result<link::Dump> {
        dump(GET_LINK, FAMILY_ANY)
    }

    /// All IPv4 neighbours of this process's network namespace.
    pub(in super::super) fn dump_neighbours() -> io::Result<link::Dump> {
        dump(GET_NEIGHBOUR, FAMILY_IPV4)
    }

    fn dump(kind: u16, family: u8) -> io::Result<link::Dump> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        let mut request = [0_u8; 32];
        request[..4].copy_from_slice(&32_u32.to_ne_bytes());
        request[4..6].copy_from_slice(&kind.to_ne_bytes());
        request[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
        request[16] = family;
        sendto(
            &socket,
            &request,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )?;
        let mut dump = link::Dump::default();
        let mut datagram = vec![0; DATAGRAM_BYTES];
        while !dump.is_done {
            let (length, _) = recv(&socket, &mut datagram[..], RecvFlags::empty())?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            link::parse(&datagram[..length], &mut dump)
                .map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed.message))?;
            if let Some(number) = dump.error_number {
                return Err(io::Error::from_raw_os_error(number));
            }
        }
        Ok(dump)
    }
}

/// Nothing of this is reached: [`HostCollectors`](crate::HostCollectors) refuses to start.
#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{FilesystemSpace, SystemName, io};
    use crate::proc::link;

    pub(in super::super) fn space(_path: &[u8]) -> io::Result<FilesystemSpace> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn system_name() -> SystemName {
        SystemName::default()
    }

    pub(in super::super) fn page_bytes() -> usize {
        4096
    }

    pub(in super::super) fn dump_links() -> io::Result<link::Dump> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn dump_neighbours() -> io::Result<link::Dump> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
