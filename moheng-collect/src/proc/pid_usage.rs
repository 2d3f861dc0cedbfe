//! `/proc/PID/stat` and `/proc/PID/io`: what a process has used.

use std::borrow::Cow;

use super::MalformedFile;
use super::scan::{decimal, expect_decimal, fields, lines, split_once, text};

/// Fields of `stat` counted after the command.
const USER_FIELD: usize = 11;
const SYSTEM_FIELD: usize = 12;
const THREADS_FIELD: usize = 17;
const START_FIELD: usize = 19;
const RESIDENT_FIELD: usize = 21;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usage<'a> {
    /// The name of the program, cut by the kernel to 15 bytes.
    pub(crate) command: Cow<'a, str>,
    pub(crate) user_ticks: u64,
    pub(crate) system_ticks: u64,
    pub(crate) threads: u64,
    /// Since the machine was started; tells a process from another that has its number.
    pub(crate) start_ticks: u64,
    pub(crate) resident_pages: u64,
}

/// What a process read from disks and wrote to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskUsage {
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Usage<'_>, MalformedFile> {
    // The command, in parentheses, may itself contain blanks and parentheses.
    let (Some(open), Some(close)) = (memchr::memchr(b'(', content), memchr::memrchr(b')', content)) else {
        return Err(MalformedFile::new(1, "a command in parentheses expected"));
    };
    let Some(command) = content.get(open + 1..close) else {
        return Err(MalformedFile::new(1, "a command in parentheses expected"));
    };
    let words: Vec<&[u8]> = fields(&content[close + 1..]).collect();
    let number = |index: usize, what: &str| expect_decimal(words.get(index).copied(), 1, what);
    Ok(Usage {
        command: text(command),
        user_ticks: number(USER_FIELD, "time in user mode")?,
        system_ticks: number(SYSTEM_FIELD, "time in kernel mode")?,
        threads: number(THREADS_FIELD, "a number of threads")?,
        start_ticks: number(START_FIELD, "a start time")?,
        resident_pages: number(RESIDENT_FIELD, "a number of pages")?,
    })
}

/// `io`: lines `KEY: BYTES`.
pub(crate) fn parse_io(content: &[u8]) -> Result<DiskUsage, MalformedFile> {
    let (mut read, mut written) = (None, None);
    for (number, line) in lines(content) {
        let Some((key, value)) = split_once(line, b':') else {
            continue;
        };
        let target = match key {
            b"read_bytes" => &mut read,
            b"write_bytes" => &mut written,
            _ => continue,
        };
        let bytes = decimal(value.trim_ascii());
        *target = Some(bytes.ok_or_else(|| MalformedFile::new(number, "a number of bytes expected"))?);
    }
    match (read, written) {
        (Some(read_bytes), Some(written_bytes)) => Ok(DiskUsage {
            read_bytes,
            written_bytes,
        }),
        _ => Err(MalformedFile::whole("lines read_bytes and write_bytes expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_after_any_command() {
        let content =
            b"7 (a) R (b) S 1 7 7 0 -1 4194560 1 0 0 0 11 12 0 0 20 0 3 0 99 1000 21 18446744073709551615\n";
        let usage = parse(content).unwrap();
        assert_eq!(
            (&*usage.command, usage.user_ticks, usage.system_ticks),
            ("a) R (b", 11, 12)
        );
        assert_eq!(
            (usage.threads, usage.start_ticks, usage.resident_pages),
            (3, 99, 21)
        );
        assert!(parse(b"7 (a) S 1 7").is_err());
        assert!(parse(b"7 a S").is_err());
        assert!(parse(b")(").is_err());
    }

    #[test]
    fn bytes_of_disks() {
        let usage = parse_io(b"rchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\n").unwrap();
        assert_eq!((usage.read_bytes, usage.written_bytes), (4096, 8192));
        assert_eq!(parse_io(b"x: 1\nread_bytes: x\n").unwrap_err().line, 2);
        assert!(parse_io(b"read_bytes: 1\n").is_err());
    }
}
