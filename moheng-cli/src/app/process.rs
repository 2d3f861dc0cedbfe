//! What the kernel says about this process, under the names every Prometheus client library uses.

use std::fs;

use moheng_metrics::{MetricFamily, MetricKind};

/// What is known about the process; what cannot be read is left out.
pub(crate) fn process_families() -> Vec<MetricFamily> {
    let mut families = Vec::new();
    let mut push = |name: &str, kind: MetricKind, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            families.push(MetricFamily::single(name, kind, help, value));
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").ok();
    let stat = stat.as_deref().and_then(parse_stat);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let system = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let boot_time = number_after(&system, "btime ");
    push(
        "process_cpu_seconds_total",
        MetricKind::Counter,
        "CPU time used, in user and kernel mode.",
        stat.as_ref().map(|stat| stat.cpu_ticks / ticks_per_second),
    );
    push(
        "process_start_time_seconds",
        MetricKind::Gauge,
        "When the process started, as Unix time.",
        stat.as_ref()
            .zip(boot_time)
            .map(|(stat, boot_time)| boot_time + stat.start_ticks / ticks_per_second),
    );
    push(
        "process_resident_memory_bytes",
        MetricKind::Gauge,
        "Memory in use.",
        number_after(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024.0),
    );
    push(
        "process_virtual_memory_bytes",
        MetricKind::Gauge,
        "Address space in use.",
        number_after(&status, "VmSize:").map(|kilobytes| kilobytes * 1024.0),
    );
    push(
        "process_virtual_memory_max_bytes",
        MetricKind::Gauge,
        "Address space that may be used.",
        limit_after(&limits, "Max address space"),
    );
    push(
        "process_threads",
        MetricKind::Gauge,
        "Threads.",
        number_after(&status, "Threads:"),
    );
    push(
        "process_open_fds",
        MetricKind::Gauge,
        "Open file descriptors.",
        fs::read_dir("/proc/self/fd")
            .ok()
            .map(|entries| entries.count() as f64),
    );
    push(
        "process_max_fds",
        MetricKind::Gauge,
        "File descriptors that may be open.",
        limit_after(&limits, "Max open files"),
    );
    families.extend(network_families());
    families
}

/// Of all programs in the network namespace of this one, as client libraries have it.
fn network_families() -> impl Iterator<Item = MetricFamily> {
    let netstat = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    let directions = [
        (
            "process_network_receive_bytes_total",
            "Bytes received over the network.",
            "InOctets",
        ),
        (
            "process_network_transmit_bytes_total",
            "Bytes sent over the network.",
            "OutOctets",
        ),
    ];
    directions.into_iter().filter_map(move |(name, help, field)| {
        let bytes = ip_octets(&netstat, field)?;
        Some(MetricFamily::single(name, MetricKind::Counter, help, bytes))
    })
}

/// What is needed of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the name of the program in parentheses and may itself hold any character.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Stat {
        cpu_ticks: number(11)? + number(12)?,
        start_ticks: number(19)?,
    })
}

/// The number that follows `key` at the start of a line.
fn number_after(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// A limit; the largest number there is where it is `unlimited`, as client libraries say it.
fn limit_after(limits: &str, key: &str) -> Option<f64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(key))?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX as f64),
        number => number.parse().ok(),
    }
}

/// A count of the pair of lines that begin with `IpExt:`, names and numbers.
fn ip_octets(netstat: &str, field: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let index = names.split_ascii_whitespace().position(|name| name == field)?;
    numbers.split_ascii_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_files() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 7000 1000 200";
        let expected = Stat {
            cpu_ticks: 300.0,
            start_ticks: 7000.0,
        };
        assert_eq!(parse_stat(stat), Some(expected));
        assert_eq!(parse_stat("12 (a"), None);
        assert_eq!(number_after("A: 1\nVmRSS:\t  52 kB\n", "VmRSS:"), Some(52.0));
        assert_eq!(number_after("VmRSS:", "VmRSS:"), None);
        let limits = "Max open files  1024 4096 files\nMax address space  unlimited unlimited bytes\n";
        assert_eq!(limit_after(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit_after(limits, "Max address space"), Some(u64::MAX as f64));
        let netstat = "TcpExt: A B\nTcpExt: 1 2\nIpExt: A InOctets\nIpExt: 3 4\n";
        assert_eq!(ip_octets(netstat, "InOctets"), Some(4.0));
        assert_eq!(ip_octets(netstat, "OutOctets"), None);
    }

    #[test]
    fn this_process_has_them_all() {
        assert_eq!(process_families().len(), 10);
    }
}
