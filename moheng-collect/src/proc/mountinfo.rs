//! `/proc/PID/mountinfo`: the mounts a process sees.

use std::borrow::Cow;

use super::MalformedFile;
use super::scan::{decimal, expected, lines, split_once};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount<'a> {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    /// Where it is mounted, with the kernel's escapes decoded. Need not be UTF-8.
    pub(crate) point: Cow<'a, [u8]>,
    /// Device, server or any name, as the kernel writes it.
    pub(crate) source: &'a [u8],
    pub(crate) fs_type: &'a [u8],
    pub(crate) is_read_only: bool,
    /// Of the server, for network filesystems; empty for others.
    pub(crate) address: &'a [u8],
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Mount<'_>>, MalformedFile> {
    lines(content)
        .map(|(number, line)| parse_line(number, line))
        .collect()
}

/// `ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS [TAG...] - FS_TYPE SOURCE SUPER_OPTIONS`
fn parse_line(number: usize, line: &[u8]) -> Result<Mount<'_>, MalformedFile> {
    // A source may be empty, so only single blanks separate.
    let mut fields = line.split(|&byte| byte == b' ');
    let mut next = |what: &str| fields.next().ok_or_else(|| expected(what, None, number));
    next("a mount ID")?;
    next("the ID of the parent mount")?;
    let device = next("MAJOR:MINOR")?;
    let (major, minor) = split_once(device, b':')
        .and_then(|(major, minor)| Some((decimal(major)?, decimal(minor)?)))
        .ok_or_else(|| expected("MAJOR:MINOR", Some(device), number))?;
    next("the root of the mount")?;
    let mount_point = next("a mount point")?;
    let options = next("mount options")?;
    while next("the separator -")? != b"-" {}
    let fs_type = next("a filesystem type")?;
    let source = next("the source of the mount")?;
    let super_options = next("the options of the filesystem")?;
    Ok(Mount {
        major,
        minor,
        point: unescape(mount_point),
        source,
        fs_type,
        is_read_only: says_read_only(options) || says_read_only(super_options),
        address: super_options
            .split(|&byte| byte == b',')
            .find_map(|option| option.strip_prefix(b"addr="))
            .unwrap_or_default(),
    })
}

fn says_read_only(options: &[u8]) -> bool {
    options
        .split(|&byte| byte == b',')
        .any(|option| matches!(option, b"ro" | b"emergency_ro"))
}

/// Decodes `\NNN`, which the kernel writes for blanks, newlines and backslashes.
fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', field).is_none() {
        return Cow::Borrowed(field);
    }
    let mut decoded = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        if let Some(byte) = escaped_byte(rest) {
            decoded.push(byte);
            rest = &rest[4..];
        } else {
            decoded.push(first);
            rest = tail;
        }
    }
    Cow::Owned(decoded)
}

fn escaped_byte(field: &[u8]) -> Option<u8> {
    let [b'\\', digits @ ..] = field.first_chunk::<4>()? else {
        return None;
    };
    digits.iter().try_fold(0_u8, |byte, digit| {
        let digit = char::from(*digit).to_digit(8)?;
        byte.checked_mul(8)?.checked_add(digit as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_tags_and_options() {
        #[track_caller]
        fn check(line: &str, mount_point: &str, source: &str, is_read_only: bool) {
            let mounts = parse(line.as_bytes()).unwrap();
            assert_eq!(mounts.len(), 1);
            assert_eq!(&*mounts[0].point, mount_point.as_bytes());
            assert_eq!(mounts[0].source, source.as_bytes());
            assert_eq!(mounts[0].is_read_only, is_read_only, "{line}");
            assert_eq!((mounts[0].major, mounts[0].minor), (8, 1));
        }
        check(
            "1 2 8:1 / / rw - ext4 /dev/sda rw,errors=ro",
            "/",
            "/dev/sda",
            false,
        );
        check(
            "1 2 8:1 / /a\\040b\\011c\\134\\9 rw shared:1 master:2 - ext4 x rw",
            "/a b\tc\\\\9",
            "x",
            false,
        );
        check("1 2 8:1 / /m ro,nosuid - tmpfs x rw", "/m", "x", true);
        check("1 2 8:1 / /m rw - tmpfs x ro", "/m", "x", true);
        check("1 2 8:1 / /m rw - ext4 x rw,emergency_ro", "/m", "x", true);
        check("1 2 8:1 / /m rw - tmpfs  rw", "/m", "", false);
    }

    #[test]
    fn short_lines_are_faults() {
        let line = "1 2 8:1 / /m rw - tmpfs x rw";
        assert!(parse(line.as_bytes()).is_ok());
        let words: Vec<_> = line.split(' ').collect();
        for length in 1..words.len() {
            let error = parse(words[..length].join(" ").as_bytes()).unwrap_err();
            assert_eq!(error.line, 1);
        }
        assert!(parse(b"1 2 8 / /m rw - tmpfs x rw").is_err());
    }
}
