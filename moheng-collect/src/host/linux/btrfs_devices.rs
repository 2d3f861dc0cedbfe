//! What a mounted btrfs says of its devices, which no safe library asks for.
#![expect(unsafe_code, reason = "rustix has no safe call for these numbers of ioctl")]

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::ioctl::{Getter, Updater, ioctl, opcode};

use crate::proc::text;

const GROUP: u8 = 0x94;
const ASK_FILESYSTEM: u32 = opcode::read::<FilesystemInfo>(GROUP, 31);
const ASK_DEVICE: u32 = opcode::read_write::<DeviceInfo>(GROUP, 30);
const ASK_ERRORS: u32 = opcode::read_write::<DeviceErrors>(GROUP, 52);

/// More devices than any filesystem had, removed ones included.
const DEVICE_NUMBER_MAX: u64 = 1 << 16;
/// Of writing, reading, flushing; of content that is wrong, and of content that is too old.
pub(super) const ERROR_KINDS: [&str; 5] = ["write", "read", "flush", "corruption", "generation"];

/// A device of a filesystem.
#[derive(Debug, PartialEq)]
pub(super) struct Device {
    /// Without its directory.
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) size_bytes: u64,
    pub(super) used_bytes: u64,
    /// By [`ERROR_KINDS`].
    pub(super) errors: [u64; ERROR_KINDS.len()],
}

/// `struct btrfs_ioctl_fs_info_args`.
#[repr(C)]
struct FilesystemInfo {
    device_number_max: u64,
    devices: u64,
    uuid: [u8; 16],
    rest: [u8; 992],
}

/// `struct btrfs_ioctl_dev_info_args`.
#[repr(C)]
struct DeviceInfo {
    number: u64,
    uuid: [u8; 16],
    used_bytes: u64,
    size_bytes: u64,
    rest: [u64; 379],
    path: [u8; 1024],
}

/// `struct btrfs_ioctl_get_dev_stats`.
#[repr(C)]
struct DeviceErrors {
    number: u64,
    kinds: u64,
    flags: u64,
    errors: [u64; ERROR_KINDS.len()],
    rest: [u64; 121],
}

const _: () = assert!(size_of::<FilesystemInfo>() == 1024);
const _: () = assert!(size_of::<DeviceInfo>() == 4096);
const _: () = assert!(size_of::<DeviceErrors>() == 1032);

/// A mounted filesystem.
#[derive(Debug)]
pub(super) struct MountedFilesystem {
    mount_point: File,
    device_number_max: u64,
    devices: u64,
    pub(super) uuid: String,
}

impl MountedFilesystem {
    /// Asks the btrfs that is mounted at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mount_point = File::open(path)?;
        // SAFETY: the number takes the structure of this size, which the kernel fills.
        let info = unsafe { ioctl(&mount_point, Getter::<ASK_FILESYSTEM, FilesystemInfo>::new()) }?;
        Ok(Self {
            mount_point,
            device_number_max: info.device_number_max,
            devices: info.devices,
            uuid: uuid_text(info.uuid),
        })
    }

    pub(super) fn devices(&self) -> io::Result<Vec<Device>> {
        if self.device_number_max > DEVICE_NUMBER_MAX {
            let message = format!("{} devices are too many", self.device_number_max);
            return Err(io::Error::other(message));
        }
        let mut devices = Vec::new();
        for number in 0..=self.device_number_max {
            if devices.len() as u64 == self.devices {
                break;
            }
            let file = self.mount_point.as_fd();
            let mut info = DeviceInfo {
                number,
                uuid: [0; 16],
                used_bytes: 0,
                size_bytes: 0,
                rest: [0; 379],
                path: [0; 1024],
            };
            // SAFETY: the number takes the structure of this size, which lives until the call has returned.
            match unsafe { ioctl(file, Updater::<ASK_DEVICE, DeviceInfo>::new(&mut info)) } {
                // It was removed.
                Err(Errno::NODEV) => continue,
                result => result?,
            }
            let mut errors = DeviceErrors {
                number,
                kinds: ERROR_KINDS.len() as u64,
                flags: 0,
                errors: [0; ERROR_KINDS.len()],
                rest: [0; 121],
            };
            // SAFETY: the number takes the structure of this size, which lives until the call has returned.
            unsafe { ioctl(file, Updater::<ASK_ERRORS, DeviceErrors>::new(&mut errors)) }?;
            devices.push(Device {
                name: device_name(&info.path),
                uuid: uuid_text(info.uuid),
                size_bytes: info.size_bytes,
                used_bytes: info.used_bytes,
                errors: errors.errors,
            });
        }
        Ok(devices)
    }
}

/// What follows the last slash of a text that ends with a zero.
fn device_name(path: &[u8]) -> String {
    let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    text(name).into_owned()
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let mut path = [0; 1024];
        path[..11].copy_from_slice(b"/dev/sda\0/x");
        assert_eq!(device_name(&path), "sda");
        assert_eq!(device_name(&[0; 4]), "");
        let bytes = *b"\x0a\xbb\x23\xa9\x57\x9b\x43\xe6\xad\x30\x22\x7e\xf4\x7f\xcb\x9d";
        assert_eq!(uuid_text(bytes), "0abb23a9-579b-43e6-ad30-227ef47fcb9d");
    }

    #[test]
    fn other_filesystems_do_not_know_the_question() {
        let error = MountedFilesystem::open(Path::new("/proc")).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::NOTTY));
    }
}
