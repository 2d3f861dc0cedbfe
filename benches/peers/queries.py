#!/usr/bin/env python3
"""Queries over the same data directory here and in Prometheus, one thread each: processor time, and peak memory.

Run by hand; needs prometheus in PATH (Debian: apt install prometheus) and cargo:

    python3 benches/peers/queries.py [--mode head|blocks] [--server PATH] [--fill PATH] [--only SUBSTRING]... [--data FOLDER]
    python3 benches/peers/queries.py --two-cores [...]

Peak memory is that of the whole process while it answers, and how far that is above what it had before. Queries of native histograms
are asked for a shorter range: Prometheus takes a minute for one over all of it.

With --two-cores it asks only this server, with one thread and with two, and prints the shortest time each query took: on a
machine that has two idle cores.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
START_S = 1_700_006_400
END_S = START_S + 2087 * 5
STEP_S = 10
TICK_S = os.sysconf("SC_CLK_TCK")

# What is asked, how, and the floor: ours / theirs.
RANGE, SHORT, INSTANT = "range", "short range", "instant"
SHORT_S = 100
QUERIES = [
    (RANGE, "sum by (instance) (rate(requests_total[5m]))", 0.2),
    (RANGE, "sum by (instance) (rate(requests_total[1m]))", 0.2),
    (RANGE, "sum(memory_bytes)", 0.25),
    (RANGE, "sum(max_over_time(memory_bytes[5m]))", 0.2),
    (RANGE, "sum(quantile_over_time(0.9, memory_bytes[5m]))", 0.2),
    (RANGE, "max_over_time(memory_bytes[5m])", 0.2),
    (RANGE, "histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket[5m])))", 0.2),
    (RANGE, "sum(histogram_quantile(0.9, rate(latency_seconds_bucket[5m])))", 0.2),
    (RANGE, "sum(memory_bytes * on (instance) group_left (zone) machine_info)", 0.3),
    (RANGE, "sum by (handler) (rate(requests_total[5m])) / on () group_left sum(rate(requests_total[5m]))", 0.3),
    (RANGE, "topk(5, memory_bytes)", 0.4),
    (RANGE, 'count_values("value", machine_info)', 0.4),
    (RANGE, 'sum by (copy) (label_replace(memory_bytes, "copy", "$1", "instance", "node-(.*)"))', 0.4),
    (SHORT, "histogram_quantile(0.9, sum(rate(waits_seconds[5m])))", 0.3),
    (SHORT, "histogram_count(sum(rate(waits_seconds[5m])))", 0.3),
    (SHORT, "sum(histogram_quantile(0.9, waits_seconds))", 0.3),
    (INSTANT, "sum(wide)", 0.5),
    (INSTANT, "sum by (slot) (rate(wide[5m]))", 0.5),
    (INSTANT, 'count(wide{slot=~"slot-.[02468]"})', 0.5),
    (INSTANT, "wide", 0.5),
]
# Two threads are to be so many times as fast as one.
TWO_CORES_FLOOR = 1.7
TWO_CORES_RUNS = 15
# After so much processor time a query is not asked once more.
LONG_S = 10
# Floor of peak memory.
MEMORY_FLOOR = 0.3


def build(*arguments):
    command = ["cargo", "build", "--release", "--message-format=json", "--manifest-path", os.path.join(ROOT, "Cargo.toml")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr[-3000:])
    artifacts = [json.loads(line) for line in done.stdout.splitlines()]
    return [artifact["executable"] for artifact in artifacts if artifact.get("executable")][-1]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A process that answers Prometheus's API, and what it has used."""

    def __init__(self, name, command, port, environment):
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **environment})
        deadline = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/-/ready").read()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit(f"{name} does not start:\n{self.log.read().decode()[-3000:]}")
            time.sleep(0.2)

    def processor_s(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK_S

    def memory_bytes(self, field):
        with open(f"/proc/{self.process.pid}/status") as file:
            line = next(line for line in file if line.startswith(field))
        return int(line.split()[1]) * 1024

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def ask(self, kind, query):
        parameters = {"query": query, "time": END_S}
        path = "query"
        if kind != INSTANT:
            end_s = START_S + 600 + SHORT_S if kind == SHORT else END_S
            parameters = {"query": query, "start": START_S + 600, "end": end_s, "step": STEP_S}
            path = "query_range"
        body = urllib.parse.urlencode(parameters).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", body) as response:
            return response.read()

    def cost(self, kind, query):
        """Seconds of processor time per query, peak memory, and how far that is above what there was before."""
        self.ask(kind, query)
        before_bytes = self.memory_bytes("VmRSS")
        self.forget_peak()
        begin, count = self.processor_s(), 0
        while count < 3 or (self.processor_s() - begin < 1.0 and count < 200):
            self.ask(kind, query)
            count += 1
            if self.processor_s() - begin > LONG_S:
                break
        peak_bytes = self.memory_bytes("VmHWM")
        return (self.processor_s() - begin) / count, peak_bytes, peak_bytes - before_bytes

    def stop(self):
        self.process.terminate()
        self.process.wait()


def start_ours(server, data, common, threads):
    port = free_port()
    command = [server, "run", *common, f"--query.threads={threads}", f"--storage.tsdb.path={data}",
               f"--web.listen-address=127.0.0.1:{port}"]
    return Server("moheng", command, port, {})


def two_cores(server, data, common, only):
    """The shortest time of each range query, on one thread and on two, asked in turn."""
    asked = [(kind, query) for kind, query, _ in QUERIES if kind != INSTANT and is_wanted(query, only)]
    shortest_s = {}
    servers = {}
    try:
        for threads in (1, 2):
            folder = f"{data}-{threads}"
            shutil.copytree(data, folder)
            servers[threads] = start_ours(server, folder, common, threads)
        for kind, query in asked:
            for run in range(TWO_CORES_RUNS + 1):
                for threads, ours in servers.items():
                    begin_s = time.monotonic()
                    ours.ask(kind, query)
                    if run > 0:
                        taken_s = time.monotonic() - begin_s
                        shortest_s[threads, query] = min(taken_s, shortest_s.get((threads, query), taken_s))
    finally:
        for ours in servers.values():
            ours.stop()
    print("| query | one thread ms | two threads ms | times as fast | floor |\n|---|---|---|---|---|")
    for _, query in asked:
        one_s, two_s = shortest_s[1, query], shortest_s[2, query]
        faster = one_s / two_s
        print(f"| `{query}` | {one_s * 1e3:.1f} | {two_s * 1e3:.1f} | {faster:.2f} "
              f"{'' if faster >= TWO_CORES_FLOOR else '(!)'} | {TWO_CORES_FLOOR} |")


def is_wanted(query, only):
    return not only or any(part in query for part in only)


def series(answer):
    """The values of an answer by labels, times dropped where they are known."""
    data = json.loads(answer)["data"]["result"]
    found = {}
    for row in data:
        points = row.get("values") or [row["value"]]
        found[json.dumps(row["metric"], sort_keys=True)] = {point[0]: float(point[1]) for point in points}
    return found


def is_near(left, right):
    return left == right or math.isnan(left) and math.isnan(right) or math.isclose(left, right, rel_tol=1e-9)


def difference(ours, theirs):
    """How many points differ: the windows of Prometheus 2 include their left edge, so rates may differ a little."""
    left, right = series(ours), series(theirs)
    if left.keys() != right.keys():
        return f"series differ: {len(left)} here, {len(right)} there"
    points = sum(len(values) for values in right.values())
    wrong = sum(
        not is_near(value, left[labels].get(time_s, math.inf))
        for labels, values in right.items()
        for time_s, value in values.items()
    )
    return f"{wrong} of {points} points differ" if wrong else ""


def row(ours, theirs, kind, query, floor):
    here_s, here_bytes, here_grown = ours.cost(kind, query)
    there_s, there_bytes, there_grown = theirs.cost(kind, query)

    def ratio(here, there, floor):
        return f"{here / there:.3f} {'' if here / there <= floor else '(!)'}"

    return (f"| {kind} `{query}` | {there_s * 1e3:.1f} | {here_s * 1e3:.1f} | {ratio(here_s, there_s, floor)} | {floor} "
            f"| {there_bytes >> 20} | {here_bytes >> 20} | {ratio(here_bytes, there_bytes, MEMORY_FLOOR)} "
            f"| {there_grown >> 20} | {here_grown >> 20} | {difference(ours.ask(kind, query), theirs.ask(kind, query))}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["head", "blocks"], default="blocks")
    parser.add_argument("--server", help="path of moheng-cli")
    parser.add_argument("--fill", help="path of the example query_directory")
    parser.add_argument("--two-cores", action="store_true", help="one thread beside two, without Prometheus")
    parser.add_argument("--only", action="append", help="only queries with this in them; can be given several times")
    parser.add_argument("--data", help="a folder that query_directory has filled in this mode, which is only read")
    options = parser.parse_args()
    server = options.server or build("-p", "moheng-cli")
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "ours")
        if options.data:
            shutil.copytree(options.data, data)
        else:
            fill = options.fill or build("-p", "moheng-benches", "--example", "query_directory")
            subprocess.run([fill, data, options.mode], check=True, capture_output=True)
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w") as file:
            file.write("global: {}\n")
        common = [f"--config.file={config}", "--storage.tsdb.retention.time=100y", "--query.max-samples=500000000"]
        if options.two_cores:
            return two_cores(server, data, common, options.only)
        shutil.copytree(data, os.path.join(folder, "theirs"))
        ours = start_ours(server, data, common, 1)
        port = free_port()
        theirs = Server("prometheus", ["prometheus", *common, f"--storage.tsdb.path={folder}/theirs",
                                       "--enable-feature=native-histograms",
                                       f"--web.listen-address=127.0.0.1:{port}"], port, {"GOMAXPROCS": "1"})
        try:
            print(f"memory after start: {ours.memory_bytes('VmRSS') >> 20} MiB here, "
                  f"{theirs.memory_bytes('VmRSS') >> 20} MiB there\n")
            print("| query | Prometheus ms | here ms | ratio | floor | peak there MiB | here MiB | ratio | grown there MiB | here MiB |"
                  "\n|---|---|---|---|---|---|---|---|---|---|")
            for kind, query, floor in QUERIES:
                if is_wanted(query, options.only):
                    print(row(ours, theirs, kind, query, floor), flush=True)
        finally:
            ours.stop()
            theirs.stop()


if __name__ == "__main__":
    main()
