//! `/proc/net/softnet_stat`: packets that each CPU took from the network, in hexadecimal.

use super::MalformedFile;
use super::scan::{expected, fields, hexadecimal, lines};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Softnet {
    pub(crate) cpu: u64,
    pub(crate) processed: u64,
    pub(crate) dropped: u64,
    pub(crate) times_squeezed: u64,
    pub(crate) cpu_collision: u64,
    /// Since Linux 2.6.35; 0 before.
    pub(crate) received_rps: u64,
    /// Since Linux 3.11; 0 before.
    pub(crate) flow_limit: u64,
    /// Since Linux 5.14; 0 before.
    pub(crate) backlog_length: u64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Softnet>, MalformedFile> {
    let mut cpus = Vec::new();
    for (row, (number, line)) in lines(content).enumerate() {
        let mut columns = [None; 13];
        for (column, field) in columns.iter_mut().zip(fields(line)) {
            let count = hexadecimal(field);
            *column = Some(count.ok_or_else(|| expected("a hexadecimal count", Some(field), number))?);
        }
        let [
            Some(processed),
            Some(dropped),
            Some(times_squeezed),
            _,
            _,
            _,
            _,
            _,
            Some(cpu_collision),
            ..,
        ] = columns
        else {
            return Err(MalformedFile::new(number, "at least 9 columns expected"));
        };
        cpus.push(Softnet {
            // Before Linux 5.14 only the position tells the CPU.
            cpu: columns[12].unwrap_or(row as u64),
            processed,
            dropped,
            times_squeezed,
            cpu_collision,
            received_rps: columns[9].unwrap_or_default(),
            flow_limit: columns[10].unwrap_or_default(),
            backlog_length: columns[11].unwrap_or_default(),
        });
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_add_columns() {
        let content = b"0a 1 2 0 0 0 0 0 3\n0b 1 2 0 0 0 0 0 3 4 5 6 7 0 0\n";
        let cpus = parse(content).unwrap();
        assert_eq!((cpus[0].cpu, cpus[0].processed, cpus[0].received_rps), (0, 10, 0));
        assert_eq!(
            (cpus[1].cpu, cpus[1].cpu_collision, cpus[1].backlog_length),
            (7, 3, 6)
        );
        assert_eq!(parse(b"1 2 3\n").unwrap_err().line, 1);
        assert!(parse(b"1 2 x\n").is_err());
    }
}
