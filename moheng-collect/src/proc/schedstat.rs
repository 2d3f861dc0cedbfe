//! `/proc/schedstat`, version 15 and later: time that tasks ran and waited on each CPU.

use super::MalformedFile;
use super::scan::{expect_decimal, fields, lines, text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CpuSchedule {
    pub(crate) cpu: String,
    pub(crate) running_nanos: u64,
    pub(crate) waiting_nanos: u64,
    pub(crate) timeslices: u64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<CpuSchedule>, MalformedFile> {
    let mut cpus = Vec::new();
    for (number, line) in lines(content) {
        let mut fields = fields(line);
        let Some(cpu) = fields.next().and_then(|field| field.strip_prefix(b"cpu")) else {
            continue;
        };
        // Six counts of scheduler calls come before.
        let mut fields = fields.skip(6);
        let mut next = |what| expect_decimal(fields.next(), number, what);
        cpus.push(CpuSchedule {
            cpu: text(cpu).into_owned(),
            running_nanos: next("a running time")?,
            waiting_nanos: next("a waiting time")?,
            timeslices: next("a count of timeslices")?,
        });
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_left_out() {
        let content = b"version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 7 8 9\ndomain0 00000003 1 2\n";
        let cpus = parse(content).unwrap();
        assert_eq!(cpus.len(), 1);
        assert_eq!((cpus[0].running_nanos, cpus[0].timeslices), (7, 9));
        assert_eq!(parse(b"cpu0 0 0 0 0 0 0 7\n").unwrap_err().line, 1);
    }
}
