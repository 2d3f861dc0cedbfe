//! `/proc/stat`: time of each CPU, interrupts, context switches, processes.

use super::MalformedFile;
use super::scan::{decimal, expect_decimal, fields, lines};

/// The columns of a `cpu` line.
pub(crate) const CPU_MODES: usize = 10;
/// The columns of the `softirq` line.
pub(crate) const SOFTIRQ_VECTORS: usize = 10;

/// Ticks (1/100 s) of a CPU by mode: user, nice, system, idle, iowait, irq, softirq, steal (since Linux 2.6.11), guest
/// (2.6.24), guest nice (2.6.33). Older kernels leave 0.
pub(crate) type CpuTicks = [u64; CPU_MODES];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stat {
    /// By CPU number, in the order of the file; CPUs that are off line are not in it.
    pub(crate) cpus: Vec<(u32, CpuTicks)>,
    pub(crate) interrupts: Option<u64>,
    pub(crate) context_switches: Option<u64>,
    /// Seconds since the Unix epoch.
    pub(crate) boot_time_seconds: Option<u64>,
    pub(crate) forks: Option<u64>,
    pub(crate) processes_running: Option<u64>,
    pub(crate) processes_blocked: Option<u64>,
    /// hi, timer, `net_tx`, `net_rx`, block, `block_iopoll`, tasklet, sched, hrtimer, rcu.
    pub(crate) softirqs: Option<[u64; SOFTIRQ_VECTORS]>,
}

pub(crate) fn parse(content: &[u8]) -> Result<Stat, MalformedFile> {
    let mut stat = Stat::default();
    for (line_number, line) in lines(content) {
        let mut fields = fields(line);
        let Some(name) = fields.next() else { continue };
        let target = match name {
            b"intr" => &mut stat.interrupts,
            b"ctxt" => &mut stat.context_switches,
            b"btime" => &mut stat.boot_time_seconds,
            b"processes" => &mut stat.forks,
            b"procs_running" => &mut stat.processes_running,
            b"procs_blocked" => &mut stat.processes_blocked,
            b"softirq" => {
                stat.softirqs = Some(counts(fields.skip(1), line_number)?);
                continue;
            }
            _ => {
                if let Some(cpu) = name.strip_prefix(b"cpu").and_then(decimal) {
                    stat.cpus.push((cpu as u32, counts(fields, line_number)?));
                }
                continue;
            }
        };
        *target = Some(expect_decimal(fields.next(), line_number, "a count")?);
    }
    Ok(stat)
}

fn counts<'a, const N: usize>(
    fields: impl Iterator<Item = &'a [u8]>,
    line: usize,
) -> Result<[u64; N], MalformedFile> {
    let mut counts = [0; N];
    for (count, field) in counts.iter_mut().zip(fields) {
        *count = expect_decimal(Some(field), line, "a count")?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kernels() {
        let old = b"cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 17 1 2 3\nctxt 5\nbtime 6\nprocesses 7\n";
        let stat = parse(old).unwrap();
        assert_eq!(stat.cpus, [(0, [1, 2, 3, 4, 0, 0, 0, 0, 0, 0])]);
        assert_eq!((stat.interrupts, stat.forks), (Some(17), Some(7)));
        assert_eq!((stat.processes_running, stat.softirqs), (None, None));

        let new = b"cpu10 1 2 3 4 5 6 7 8 9 10 11\nprocs_running 1\nprocs_blocked 0\nsoftirq 55 1 2 3 4 5 6 7 8 9 10\nnew 1\n";
        let stat = parse(new).unwrap();
        assert_eq!(stat.cpus, [(10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]);
        assert_eq!(stat.softirqs, Some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    }

    #[test]
    fn faults_name_their_line() {
        let error = parse(b"cpu0 1 2\n\nctxt many\n").unwrap_err();
        assert_eq!(
            (error.line, error.message.as_str()),
            (3, "a count expected, found \"many\"")
        );
        let error = parse(b"btime\n").unwrap_err();
        assert_eq!(error.message, "a count expected, found the end of the line");
        assert!(parse(b"cpu0 1 99999999999999999999\n").is_err());
    }
}
