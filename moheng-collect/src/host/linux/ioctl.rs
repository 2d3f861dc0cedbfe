//! The system calls behind the collector `ethtool`, which no safe library makes.
#![expect(unsafe_code, reason = "rustix has no safe call for these numbers of ioctl")]

use std::io;
use std::os::fd::OwnedFd;

use rustix::ioctl::{Updater, ioctl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::proc::ethtool::{DRIVER_BYTES, LINK_BYTES_MAX, NAME_BYTES, VALUES_HEADER_BYTES};

/// `SIOCETHTOOL`: asks the driver of a network device.
const ASK_DRIVER: u32 = 0x8946;

const GET_DRIVER: u32 = 0x03;
const GET_NAMES: u32 = 0x1b;
const GET_VALUES: u32 = 0x1d;
const GET_SET_INFO: u32 = 0x37;
const GET_LINK: u32 = 0x4c;
/// `ETH_SS_STATS`: statistics, among the sets of names.
const STATISTICS_SET: u32 = 1;
/// The command, a mask, and a number for each set that there could be.
const SET_INFO_BYTES: usize = 16 + 64 * 4;
const MASK_WORDS_SHIFT: u32 = 24;

/// Several times more than the drivers with a queue per CPU have.
const STATISTICS_MAX: u32 = 16_384;
/// A device may get more statistics between two questions, and older kernels write them all, whatever was asked for. So
/// there is room for this many times those there were, and some.
const GROWTH_FACTOR: usize = 8;
const GROWTH_BYTES: usize = 64 << 10;

/// Where the kernel is asked about network devices of this process's network namespace.
///
/// Its answers are as `linux/ethtool.h` describes them, with zeroes to the end of what could have been written.
#[derive(Debug)]
pub(super) struct DriverSocket(OwnedFd);

/// `struct ifreq` with a pointer, which the kernel reads all of.
#[repr(C)]
struct Request {
    device: [u8; 16],
    data: *mut u8,
    rest: [u8; 24],
}

impl DriverSocket {
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self(socket))
    }

    pub(super) fn driver(&self, device: &str) -> io::Result<Vec<u8>> {
        self.ask(device, &[GET_DRIVER], DRIVER_BYTES)
    }

    /// `mask_words` is 0 for a caller who does not know it, whom the kernel tells nothing else.
    pub(super) fn link(&self, device: &str, mask_words: u8) -> io::Result<Vec<u8>> {
        let fourth_word = u32::from_ne_bytes((u32::from(mask_words) << MASK_WORDS_SHIFT).to_le_bytes());
        self.ask(device, &[GET_LINK, 0, 0, fourth_word], LINK_BYTES_MAX)
    }

    /// The number of statistics.
    pub(super) fn statistics_info(&self, device: &str) -> io::Result<Vec<u8>> {
        let mask = (1_u64 << STATISTICS_SET).to_ne_bytes();
        let [low, high] =
            [0, 4].map(|at| u32::from_ne_bytes([mask[at], mask[at + 1], mask[at + 2], mask[at + 3]]));
        self.ask(device, &[GET_SET_INFO, 0, low, high], SET_INFO_BYTES)
    }

    /// The names of statistics and their values.
    pub(super) fn statistics(&self, device: &str, count: u32) -> io::Result<(Vec<u8>, Vec<u8>)> {
        if count > STATISTICS_MAX {
            return Err(io::Error::other(format!("{count} statistics are too many")));
        }
        let capacity = count as usize * NAME_BYTES * GROWTH_FACTOR + GROWTH_BYTES;
        let mut names = self.ask(device, &[GET_NAMES, STATISTICS_SET, count], capacity)?;
        let mut values = self.ask(device, &[GET_VALUES, count], capacity)?;
        names.truncate(VALUES_HEADER_BYTES + 4 + count as usize * NAME_BYTES);
        values.truncate(VALUES_HEADER_BYTES + count as usize * size_of::<u64>());
        Ok((names, values))
    }

    /// `words` are how the question begins; `capacity` is as much as the kernel writes for an answer, or more.
    fn ask(&self, device: &str, words: &[u32], capacity: usize) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; capacity];
        for (bytes, word) in answer.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_ne_bytes());
        }
        let mut request = Request {
            device: [0; 16],
            data: answer.as_mut_ptr(),
            rest: [0; 24],
        };
        // The last byte remains zero.
        let name = request.device.get_mut(..device.len().min(16));
        match name {
            Some(name) if name.len() < 16 => name.copy_from_slice(device.as_bytes()),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        // SAFETY: the number takes a `struct ifreq`; the buffer its pointer is to lives until the call has returned and has
        // room for all that the kernel writes: an answer of fixed size, or one as long as the question says, or, of older
        // kernels, as many statistics as there are at that moment, for which see `GROWTH_FACTOR`.
        unsafe { ioctl(&self.0, Updater::<ASK_DRIVER, Request>::new(&mut request)) }?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::ethtool;

    #[test]
    fn only_devices_that_are_there_answer() {
        let socket = DriverSocket::open().unwrap();
        // The loopback device has no driver to ask for more than its time stamps, and no link.
        assert!(socket.link("lo", 0).is_err());
        for name in ["no-such-device", "a-name-of-16-byte", ""] {
            assert!(socket.driver(name).is_err(), "{name}");
            assert!(socket.statistics(name, 1).is_err(), "{name}");
        }
        assert!(socket.statistics("lo", STATISTICS_MAX + 1).is_err());
        if let Ok(info) = socket.statistics_info("lo") {
            assert_eq!(ethtool::statistics_count(&info), 0);
        }
    }
}
