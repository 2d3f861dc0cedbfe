#!/usr/bin/env python3
"""Runs moheng-cli and Prometheus side by side on one prometheus.yml and compares what they answer.

Needs python3 and Debian's packages prometheus and prometheus-node-exporter; listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli
    moheng-cli/tests/peers/compare_with_prometheus.py --minutes 10

Three comparisons, each of which can fail the run (exit code 1):

1. Series: `count by (__name__, job)` agrees for every name, and so does `up`, target by target.
2. Live answers: 30 range queries of mixed kinds over the last five minutes. The two servers scrape at different moments of
   the same interval, so a value of moheng's must lie within what Prometheus answers up to one interval before or after,
   give or take a small tolerance for values that were sampled only by one of them.
3. Exact answers: a backup of moheng's data directory is opened by Prometheus, without scraping, and the same 30 queries must
   give the same values to nine digits. This takes the scrape offset out, and shows that Prometheus reads what moheng writes.
"""

import argparse
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

INTERVAL_SECONDS = 15

QUERIES = [
    'up',
    'count by (job) ({__name__=~"node_.*"})',
    'sum by (mode) (rate(node_cpu_seconds_total[1m]))',
    'avg by (cpu) (irate(node_cpu_seconds_total{mode="idle"}[1m]))',
    '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[2m]))',
    'node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes',
    '100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)',
    'max_over_time(node_load1[2m])',
    'min_over_time(node_load1[2m])',
    'avg_over_time(node_load5[2m])',
    'stddev_over_time(node_load1[3m])',
    'quantile_over_time(0.9, node_load1[3m])',
    'sum without (device, fstype, mountpoint) (node_filesystem_size_bytes)',
    'topk(3, node_filesystem_avail_bytes)',
    'bottomk(2, node_filesystem_files)',
    'increase(node_context_switches_total[2m])',
    'rate(node_intr_total[1m] offset 1m)',
    'delta(node_memory_MemFree_bytes[2m])',
    'deriv(node_memory_MemFree_bytes[2m])',
    'sum by (device) (rate(node_disk_written_bytes_total[1m]))',
    'histogram_quantile(0.9, sum by (le) (rate(prometheus_http_response_size_bytes_bucket[2m])))',
    'sum by (handler) (increase(prometheus_http_requests_total[2m]))',
    'label_replace(up, "host", "$1", "instance", "(.*):.*")',
    'absent(node_metric_that_does_not_exist{job="node"})',
    'node_boot_time_seconds > bool 0',
    'count_values("state", up)',
    'node_filesystem_avail_bytes / on (device, mountpoint, instance) group_left node_filesystem_size_bytes',
    'max_over_time(rate(node_context_switches_total[1m])[2m:30s])',
    'up == 1 or node_load1 > 1e9 unless up{job="down"}',
    'clamp_max(round(node_load15, 0.01), 50) + scalar(sum(up))',
]


def main():
    arguments = parse_arguments()
    work = tempfile.mkdtemp(prefix="moheng-compare-")
    processes = []
    try:
        return compare(arguments, work, processes)
    finally:
        for process in reversed(processes):
            stop(process)
        if arguments.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


def compare(arguments, work, processes):
    ports = free_ports(5)
    exporter, prometheus, moheng, reader, nobody = (f"127.0.0.1:{port}" for port in ports)
    config = os.path.join(work, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(config_text(exporter, prometheus, nobody))
    processes.append(start(work, "node_exporter", [arguments.node_exporter, f"--web.listen-address={exporter}"]))
    processes.append(start_prometheus(work, arguments, "prometheus", config, prometheus))
    moheng_data = os.path.join(work, "moheng-data")
    processes.append(
        start(
            work,
            "moheng",
            [
                arguments.moheng,
                "run",
                f"--config.file={config}",
                f"--storage.tsdb.path={moheng_data}",
                f"--web.listen-address={moheng}",
            ],
        )
    )
    for address in (prometheus, moheng):
        wait_ready(address, processes)
    print(f"scraping for {arguments.minutes:g} minutes", flush=True)
    wait(arguments.minutes * 60, processes)

    report_cost(processes)
    now = math.floor(time.time()) - INTERVAL_SECONDS + 0.123
    failures = compare_series(prometheus, moheng, now)
    failures += compare_live(prometheus, moheng, now)
    failures += compare_exact(arguments, work, processes, moheng, moheng_data, reader, now)
    print("FAILED: %d differences" % failures if failures else "all comparisons agree")
    return 1 if failures else 0


def report_cost(processes):
    """What scraping cost each of them so far; Linux only, and no reason to fail."""
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    for process in processes:
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks_per_second
        rss_mib = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        print(f"0. cost: {os.path.basename(process.args[0])}: {cpu_seconds:.2f} s of CPU, {rss_mib:.0f} MiB resident")


def compare_series(prometheus, moheng, now):
    failures = 0
    expression = 'count by (__name__, job) ({__name__!=""})'
    theirs, ours = (instant(address, expression, now) for address in (prometheus, moheng))
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            failures += 1
            print(f"series {key}: prometheus {theirs.get(key)}, moheng {ours.get(key)}")
    print(f"1. series: {len(theirs)} (name, job) pairs compared, {failures} differ")
    theirs, ours = (instant(address, "up", now) for address in (prometheus, moheng))
    if theirs != ours:
        failures += 1
        print(f"up: prometheus {theirs}, moheng {ours}")
    print(f"   up of {len(theirs)} targets compared: {sorted(theirs.values())}")
    return failures


def compare_live(prometheus, moheng, now):
    """Every value of moheng's within the values of Prometheus one interval around it, with slack for noise."""
    failures = 0
    start_s, step_s = now - 300, 15
    for query in QUERIES:
        ours = matrix(moheng, query, start_s, now, step_s)
        fine = matrix(prometheus, query, start_s - INTERVAL_SECONDS, now + INTERVAL_SECONDS, 1)
        theirs = matrix(prometheus, query, start_s, now, step_s)
        problem = None
        if steady_keys(ours, 300 / step_s + 1) != steady_keys(theirs, 300 / step_s + 1):
            problem = f"series differ: {sorted(set(ours) ^ set(theirs))[:4]}"
        points = outside = 0
        for key, values in ours.items():
            around = fine.get(key)
            if around is None:
                continue
            spread = max(around.values()) - min(around.values())
            for time_s, value in values.items():
                points += 1
                window = [v for t, v in around.items() if abs(t - time_s) <= INTERVAL_SECONDS + 1]
                if not window or not within(value, min(window), max(window), spread):
                    outside += 1
        share = outside / points if points else 0.0
        if problem is None and share > 0.1:
            problem = f"{outside} of {points} values are not explained by the scrape offset"
        failures += report("2. live ", query, points, problem, f"{outside} outside")
    return failures


def compare_exact(arguments, work, processes, moheng, moheng_data, reader, now):
    """Prometheus answers from a backup of moheng's own samples."""
    backups, restored = os.path.join(work, "backups"), os.path.join(work, "restored")
    for command in (
        ["backup", "create", "--data-dir", moheng_data, "--to", backups],
        ["backup", "restore", "--from", backups, "--to", restored],
    ):
        subprocess.run([arguments.moheng, *command], check=True, stdout=subprocess.DEVNULL)
    config = os.path.join(work, "reader.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {scrape_interval: 15s}\n")
    processes.append(start_prometheus(work, arguments, "restored", config, reader))
    wait_ready(reader, processes)
    failures = 0
    for query in QUERIES:
        ours = matrix(moheng, query, now - 300, now, 15)
        theirs = matrix(reader, query, now - 300, now, 15)
        points = sum(len(values) for values in theirs.values())
        problem = None
        if ours.keys() != theirs.keys():
            problem = f"series differ: {sorted(ours.keys() ^ theirs.keys())[:4]}"
        else:
            problem = first_difference(ours, theirs)
        failures += report("3. exact", query, points, problem, "equal")
    return failures


def first_difference(ours, theirs):
    for key, values in theirs.items():
        if values.keys() != ours[key].keys():
            return f"{key}: steps differ: {sorted(values.keys() ^ ours[key].keys())[:4]}"
        for time_s, value in values.items():
            if not close(ours[key][time_s], value, 1e-9):
                return f"{key} at {time_s}: prometheus {value!r}, moheng {ours[key][time_s]!r}"
    return None


def report(kind, query, points, problem, verdict):
    print(f"{kind} {'ok ' if problem is None else 'BAD'} {points:5d} values, {verdict}  {query}", flush=True)
    if problem:
        print(f"         {problem}")
    return 1 if problem else 0


def steady_keys(result, steps):
    """Series that are there at nearly every step; those at the edge may be in one answer only."""
    return {key for key, values in result.items() if len(values) >= steps - 2}


def within(value, low, high, spread):
    if math.isnan(value):
        return math.isnan(low)
    if math.isinf(value):
        return value in (low, high)
    slack = 0.02 * max(abs(low), abs(high)) + 0.25 * spread + 1e-9
    return low - slack <= value <= high + slack


def close(a, b, tolerance):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b))


def instant(address, query, time_s):
    data = get(address, "/api/v1/query", query=query, time=f"{time_s:.3f}")
    return {labels_key(item["metric"]): item["value"][1] for item in data["result"]}


def matrix(address, query, start_s, end_s, step_s):
    data = get(
        address, "/api/v1/query_range", query=query, start=f"{start_s:.3f}", end=f"{end_s:.3f}", step=str(step_s)
    )
    return {labels_key(item["metric"]): {t: float(v) for t, v in item["values"]} for item in data["result"]}


def labels_key(metric):
    return ",".join(f"{name}={value}" for name, value in sorted(metric.items()))


def get(address, path, **parameters):
    url = f"http://{address}{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return json.load(response)["data"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


def start_prometheus(work, arguments, name, config, address):
    return start(
        work,
        name,
        [
            arguments.prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={os.path.join(work, name if name == 'restored' else name + '-data')}",
            f"--web.listen-address={address}",
        ],
    )


def start(work, name, command):
    with open(os.path.join(work, name + ".log"), "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=work)
    process.log_path = os.path.join(work, name + ".log")
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_ready(address, processes):
    for _ in range(120):
        wait(0.5, processes)
        try:
            with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
    raise SystemExit(f"{address} is not ready after a minute")


def wait(seconds, processes):
    end = time.monotonic() + seconds
    while True:
        for process in processes:
            if process.poll() is not None:
                with open(process.log_path, encoding="utf-8", errors="replace") as log:
                    raise SystemExit(f"{process.args[0]} stopped with {process.returncode}:\n{log.read()[-2000:]}")
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(1, left))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def config_text(exporter, prometheus, nobody):
    return f"""\
global:
  scrape_interval: {INTERVAL_SECONDS}s
  scrape_timeout: 5s
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["{exporter}"]
        labels: {{role: exporter}}
  - job_name: prometheus
    static_configs:
      - targets: ["{prometheus}"]
  - job_name: down
    static_configs:
      - targets: ["{nobody}"]
"""


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--moheng", default=os.path.join(root, "target", "release", "moheng-cli"))
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    parser.add_argument("--keep", action="store_true", help="keep data and logs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
