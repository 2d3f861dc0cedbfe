#!/usr/bin/env python3
"""Runs `moheng-cli exporter host` and Node Exporter side by side with equal flags and compares their pages.

Needs python3 and Debian's package prometheus-node-exporter (1.5.0); listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli
    moheng-cli/tests/peers/host_with_node_exporter.py [--more]

Every round reads the peer, moheng, the peer, moheng and the peer. Families, their types and the sets of labels must be the
same; a value of moheng's must lie within what the peer said in that round, give or take what `slack` allows. A value that
moves by itself may miss that once, so only what differs in every round is a difference. Exit code 1 if there is any.

moheng follows Node Exporter 1.12; what came after 1.5.0 is named in NEWER and listed as an extra, not as a difference.
`--more` also switches on the collectors that are off by default and known to both.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request

from compare_with_prometheus import free_ports, start, stop, wait

# Debian patches some defaults; both sides are given Node Exporter's.
FLAGS = [
    "--no-collector.systemd",
    r"--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)",
    r"--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl"
    r"|hugetlbfs|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$",
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    r"--collector.netdev.device-exclude=^$",
    r"--collector.netstat.fields=^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    r"--collector.vmstat.fields=^(oom_kill|pgpg|pswp|pg.*fault).*",
]

TEXTFILE = """\
# HELP batch_runs_total Runs of a job.
# TYPE batch_runs_total counter
batch_runs_total{job="a \\"quoted\\" one"} 7
# TYPE batch_seconds histogram
batch_seconds_bucket{le="1"} 2
batch_seconds_bucket{le="+Inf"} 3
batch_seconds_sum 4.5
batch_seconds_count 3
"""

# What versions after 1.5.0 added: families by pattern.
NEWER = re.compile(
    r"node_(filesystem_mount_info|kernel_hung_tasks_total|cpu_online|cpu_isolated|bcachefs_.*|dmmultipath_.*"
    r"|disk_filesystem_info|pressure_irq_stalled_seconds_total|memory_(Zswap|Zswapped|SecPageTables|Unaccepted)_bytes"
    r"|softnet_(backlog_len|cpu_collision_total|flow_limit_count_total|received_rps_total)|nvme_namespace_.*"
    r"|ksmd_general_profit_bytes|swap_.*|xfrm_.*|pcidevice_.*|cpu_vulnerabilities_info|softirqs_.*|btrfs_(commit.*|last_commit_seconds"
    r"|max_commit_seconds)|md_(degraded|raid_disks)|hwmon_.*_(average|accuracy).*|network_address_info"
    r"|scrape_collector_timeout)"
)
# Collectors that came after 1.5.0, or are off by default there.
NEWER_COLLECTORS = {"bcachefs", "dmmultipath", "kernel_hung", "swap", "xfrm", "pcidevice", "cpu_vulnerabilities", "softirqs",
                    "watchdog"}
# Labels that came after 1.5.0.
NEWER_LABELS = {("node_filesystem_", "device_error"), ("node_network_info", "adminstate"), ("node_disk_info", "rotational")}
# What each exporter says about itself in its own terms.
OWN = re.compile(r"(go_|process_|promhttp_|moheng_|node_exporter_build_info|node_scrape_collector_duration_seconds)")

# Collectors both know that are off by default; those that need a service, a device or a privilege are left out.
MORE = ["buddyinfo", "cgroups", "drbd", "ethtool", "interrupts", "ksmd", "lnstat", "meminfo_numa", "mountstats",
        "network_route", "processes", "qdisc", "slabinfo", "tcpstat", "wifi", "zoneinfo"]

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def main():
    arguments = parse_arguments()
    work = tempfile.mkdtemp(prefix="moheng-host-")
    processes = []
    try:
        return compare(arguments, work, processes)
    finally:
        for process in reversed(processes):
            stop(process)
        shutil.rmtree(work, ignore_errors=True)


def compare(arguments, work, processes):
    textfiles = os.path.join(work, "textfiles")
    os.mkdir(textfiles)
    with open(os.path.join(textfiles, "batch.prom"), "w", encoding="utf-8") as file:
        file.write(TEXTFILE)
    flags = [*FLAGS, f"--collector.textfile.directory={textfiles}"]
    if arguments.more:
        flags += [f"--collector.{name}" for name in MORE]
    peer, ours = (f"127.0.0.1:{port}" for port in free_ports(2))
    processes.append(start(work, "peer", [arguments.node_exporter, f"--web.listen-address={peer}", *flags]))
    processes.append(start(work, "ours", [arguments.moheng, "exporter", "host", f"--web.listen-address={ours}", *flags]))
    for address in (peer, ours):
        wait_page(address, processes)

    rounds = []
    for number in range(arguments.rounds):
        wait(0.5 if number else 0, processes)
        pages = [Page(address) for address in (peer, ours, peer, ours, peer)]
        rounds.append(differences(pages[0::2], pages[1::2]))
    lasting = [key for key in rounds[0] if all(key in one for one in rounds)]
    extras = extra_families(pages[0], pages[1])
    if extras:
        print(f"extras of newer versions, as expected: {', '.join(extras)}")
    for key in lasting:
        print(f"{' '.join(key)}: {rounds[-1][key]}")
    shared = pages[0].types.keys() & pages[1].types.keys()
    print(f"{len(pages[0].types)} families of Node Exporter's, {len(shared)} shared, {len(pages[0].samples)} of its samples and "
          f"{len(pages[1].samples)} of moheng's: {len(lasting)} differences in each of {arguments.rounds} rounds")
    return 1 if lasting else 0


class Page:
    """Families with their types, and samples by name and labels."""

    def __init__(self, address):
        self.types, self.samples = {}, {}
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
            text = response.read().decode()
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.types[name] = kind
            elif line and not line.startswith("#"):
                self._add(line)

    def _add(self, line):
        found = SAMPLE.match(line)
        if not found:
            raise SystemExit(f"not a sample: {line}")
        name, labels, value = found.groups()
        pairs = [(label, text) for label, text in LABEL.findall(labels or "")
                 if not any(name.startswith(prefix) and label == newer for prefix, newer in NEWER_LABELS)]
        key = (name, tuple(sorted(pairs)))
        if key in self.samples:
            raise SystemExit(f"twice on a page: {line}")
        self.samples[key] = float(value)


def differences(theirs, ours):
    """What is different by (kind, name and labels), each with words about it."""
    found = {}
    for name in sorted(theirs[0].types.keys() | ours[0].types.keys()):
        kinds = [page[0].types.get(name) for page in (theirs, ours)]
        if kinds[0] != kinds[1] and not OWN.match(name) and not (kinds[0] is None and NEWER.fullmatch(name)):
            found["family", name] = f"Node Exporter {kinds[0]}, moheng {kinds[1]}"
    for key in sorted(set().union(*(page.samples for page in theirs + ours))):
        name, labels = key
        if OWN.match(name):
            continue
        shown = name + "{" + ",".join(f'{label}="{value}"' for label, value in labels) + "}"
        sides = [[page.samples[key] for page in side if key in page.samples] for side in (theirs, ours)]
        if not all(sides):
            if not sides[0] and is_newer(name, labels):
                continue
            if name in theirs[0].types.keys() & ours[0].types.keys() or not any(
                    name == family or name.startswith(family + "_") for _, family in found):
                found["sample", shown] = "only " + ("Node Exporter's" if sides[0] else "moheng's")
        elif len(sides[0]) == len(theirs) and (outside := [value for value in sides[1] if not within(name, value, sides[0])]):
            found["value", shown] = f"Node Exporter {sides[0]}, moheng {outside}"
    return found


def is_newer(name, labels):
    if name.startswith("node_scrape_collector_"):
        return dict(labels).get("collector") in NEWER_COLLECTORS or NEWER.fullmatch(name)
    return NEWER.fullmatch(name)


def within(name, value, peers):
    """Counters move one way, so a value between two reads is between their values; gauges may have peaks there."""
    low, high = min(peers), max(peers)
    if value != value or low != low:
        return value != value and low != low
    slack = high - low
    # Pages of memory, processes and files come and go with the reading itself.
    if re.match(r"node_(memory_|load|procs_|processes_|sockstat_|filefd_|entropy_|buddyinfo|zoneinfo|slabinfo|filesystem_|timex|"
                r"tcp_|udp_queues|memory_numa|netstat_.*CurrEstab|cpu_(frequency|scaling)|lnstat)", name):
        slack += 0.02 * max(abs(low), abs(high)) + 4
    return low - slack <= value <= high + slack


def extra_families(theirs, ours):
    return [name for name in sorted(ours.types.keys() - theirs.types.keys()) if NEWER.fullmatch(name)]


def wait_page(address, processes):
    for _ in range(100):
        wait(0.1, processes)
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
    raise SystemExit(f"{address} does not answer")


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moheng", default=os.path.join(root, "target", "release", "moheng-cli"))
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    parser.add_argument("--more", action="store_true", help="with the collectors that are off by default and known to both")
    parser.add_argument("--rounds", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
