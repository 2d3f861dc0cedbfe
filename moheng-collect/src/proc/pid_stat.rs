//! `/proc/PID/stat`: state and threads of a process.

use super::MalformedFile;
use super::scan::{expected, fields, text};

/// The fields before the number of threads, counted after the command.
const THREADS_FIELD: usize = 17;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidStat {
    /// `R`, `S`, `D`, `Z`, ...
    pub(crate) state: String,
    pub(crate) threads: u64,
}

pub(crate) fn parse(content: &[u8]) -> Result<PidStat, MalformedFile> {
    // The command, in parentheses, may itself contain blanks and parentheses.
    let Some(at) = memchr::memrchr(b')', content) else {
        return Err(MalformedFile::new(1, "a command in parentheses expected"));
    };
    let mut fields = fields(&content[at + 1..]);
    let Some(state) = fields.next() else {
        return Err(expected("a process state", None, 1));
    };
    let threads = fields.nth(THREADS_FIELD - 1);
    match threads.and_then(super::scan::decimal) {
        Some(threads) => Ok(PidStat {
            state: text(state).into_owned(),
            threads,
        }),
        None => Err(expected("a number of threads", threads, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_may_look_like_fields() {
        let content = b"7 (a) R (b) S 1 7 7 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 3 0 99 1 1\n";
        let stat = parse(content).unwrap();
        assert_eq!((stat.state.as_str(), stat.threads), ("S", 3));
        assert!(parse(b"7 (a) S 1").is_err());
        assert!(parse(b"7 a S 1").is_err());
    }
}
