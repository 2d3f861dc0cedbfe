#!/usr/bin/env python3
"""Measures moheng's storage beside Debian's Prometheus on the same data, in processor time of whole processes.

Needs python3 and Debian's package prometheus; listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli && cargo build --release -p moheng-benches --example peer
    benches/peers/speed.py append|compact|select [--target target/release] [--runs 3]

Runs of the two alternate; medians and their ratio are printed as rows of a Markdown table, and a ratio above its floor makes
the exit code 1.
"""

import argparse
import glob
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_MS = 1_790_013_600_000 // 21_600_000 * 21_600_000  # six hours begin here, so does a block
BLOCK_MS = 7_200_000
IS_SLOW = []


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def row(what, theirs, ours, floor, unit):
    ratio = ours / theirs
    if ratio > floor:
        IS_SLOW.append(what)
    print(f"| {what} | {theirs:.4g} {unit} | {ours:.4g} {unit} | {ratio:.3f} | {floor} |", flush=True)


def peer(arguments, *command):
    output = subprocess.run([f"{arguments.target}/examples/peer", *map(str, command)], check=True, capture_output=True, text=True)
    return {line.split()[0]: line.split()[1:] for line in output.stdout.splitlines()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server over a directory, without anything to scrape."""

    def __init__(self, command, directory, work):
        self.port = free_port()
        config = work / "empty.yml"
        config.write_text("global: {}\n")
        self.log = work / f"{self.port}.log"
        arguments = [f"--config.file={config}", f"--storage.tsdb.path={directory}",
                     f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.time=100y"]
        self.process = subprocess.Popen([*command, *arguments], stdout=self.log.open("w"), stderr=subprocess.STDOUT)
        self.connection = None
        deadline = time.monotonic() + 300
        while True:
            try:
                if self.get("/-/ready", {})[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                self.connection = None
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.2)

    def get(self, path, parameters):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        self.connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def seconds(self):
        return processor_seconds(self.process.pid)

    def wait_for(self, pattern, count, patience=180):
        """The processor time when the log has so many lines with the pattern."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if len(re.findall(pattern, self.log.read_text())) >= count:
                return self.seconds()
            time.sleep(0.01)
        raise RuntimeError(f"no {pattern}: {self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(120)


def compare_append(arguments, work):
    instances, scrapes = 30, 100
    listed = subprocess.run([f"{arguments.target}/examples/peer", "list", str(instances)], check=True, capture_output=True).stdout
    (work / "series.json").write_bytes(listed)
    series = listed.count(b"\n")
    theirs, ours, plain, theirs_bytes, ours_bytes, by_labels = [], [], [], [], [], []
    for _ in range(arguments.runs):
        directory = work / "promtool"
        # What a few scrapes cost is taken off: reading the list and making the series.
        spent = []
        for count in (100, 1100):
            before = os.times()
            subprocess.run(["promtool", "tsdb", "bench", "write", f"--metrics={series}", f"--scrapes={count}",
                            f"--out={directory}", str(work / "series.json")], check=True, capture_output=True)
            after = os.times()
            spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
            if count == 100:
                size = sum(os.path.getsize(path) for path in glob.glob(f"{directory}/**/wal/0*", recursive=True))
                theirs_bytes.append(size / series / count)
            shutil.rmtree(directory)
        theirs.append((spent[1] - spent[0]) / series / 1000 * 1e9)
        for compression, spent in (("none", plain), ("snappy", ours)):
            found = peer(arguments, "append", work / "moheng", instances, scrapes * 10, compression)
            shutil.rmtree(work / "moheng")
            spent.append(float(found["append"][2]))
        found = peer(arguments, "append", work / "moheng", instances, scrapes, "snappy")
        shutil.rmtree(work / "moheng")
        ours_bytes.append(int(found["log_bytes"][0]) / series / scrapes)
        found = peer(arguments, "labels", work / "moheng", instances, scrapes)
        shutil.rmtree(work / "moheng")
        by_labels.append(float(found["labels"][2]))
    median = statistics.median
    # promtool's bench does not compress its log.
    row("append by reference, log included, neither compressed", median(theirs), median(plain), 0.3, "ns/sample")
    row("append by reference, log included, ours compressed", median(theirs), median(ours), 0.3, "ns/sample")
    row("log, series included, ours compressed", median(theirs_bytes), median(ours_bytes), 1.0, "B/sample")
    row("append by labels (library figure of Prometheus 3.13)", 651, median(by_labels), 0.3, "ns/sample")


def block_bytes(directory):
    total = samples = 0
    for meta in glob.glob(f"{directory}/*/meta.json"):
        samples += json.loads(pathlib.Path(meta).read_text())["stats"]["numSamples"]
        block = os.path.dirname(meta)
        total += sum(os.path.getsize(path) for path in [f"{block}/index", *glob.glob(f"{block}/chunks/*")])
    return total / samples


def compare_compact(arguments, work):
    instances = 60
    # Five hours that begin in the middle of six: two blocks come of it, and none is to be joined.
    peer(arguments, "fill", work / "head", instances, 5 * 240 + 20, START_MS + 2 * BLOCK_MS)
    peer(arguments, "blocks", work / "blocks", instances, 480, START_MS, 4)
    # Both write the blocks of the head and then shorten the log.
    for case, pattern, count in (("head", r'msg="WAL checkpoint complete"', 1), ("blocks", r'msg="compact blocks"', 1)):
        theirs, ours, theirs_bytes, ours_bytes = [], [], [], []
        for _ in range(arguments.runs):
            shutil.copytree(work / case, work / "theirs")
            server = Server(["prometheus"], work / "theirs", work)
            time.sleep(20)
            idle = server.seconds()
            theirs.append(server.wait_for(pattern, count) - idle)
            time.sleep(2)
            server.stop()
            theirs_bytes.append(block_bytes(work / "theirs"))
            shutil.rmtree(work / "theirs")
            shutil.copytree(work / case, work / "ours")
            ours.append(int(peer(arguments, "compact", work / "ours")["compact"][1]) / 1e9)
            ours_bytes.append(block_bytes(work / "ours"))
            shutil.rmtree(work / "ours")
        median = statistics.median
        row(f"compaction, {case}", median(theirs), median(ours), 0.6, "s")
        row(f"blocks made of {case}", median(theirs_bytes), median(ours_bytes), 1.0, "B/sample")


def select_cases(instance):
    name = "node_cpu_seconds_total"
    yield "nothing to select", {"query": "vector(1)"}, None
    for what, query, floor in (
        ("1 of 1 M by labels", f'node_load1{{instance="{instance}"}}', 0.3),
        ("1 of 1 M by regex", f'node_load1{{instance=~"{instance[:-1]}[{instance[-1]}x]"}}', 0.3),
        ("1 of 1 M by regex, not anchored", f'node_load1{{instance=~".*{instance[5:]}"}}', 0.3),
        ("1 of 1 M by alternation", f'node_load1{{instance=~"{instance}|none"}}', 0.3),
        ("all of a metric", name, 0.3),
        ("of a metric, negative", f'{name}{{mode!="idle"}}', 0.3),
        ("of a metric, negative regex", f'{name}{{mode!~"i.*"}}', 0.3),
        ("of a metric, regex", f'{name}{{mode=~".*d.*"}}', 0.3),
        ("metrics by prefix", '{__name__=~"node_load.*"}', 0.3),
        ("metrics by a part", '{__name__=~".*load.*"}', 0.3),
        ("metrics by alternation", '{__name__=~"node_load1|node_load5|node_load15"}', 0.3),
        ("instances by prefix", f'{{instance=~"{instance[:-2]}.*",__name__=~"node_n.*"}}', 0.3),
    ):
        yield what, {"query": f"count({query})"}, floor
    yield "values of a label", {"path": "/api/v1/label/instance/values"}, 0.3
    yield "values of a label of one metric", {"path": "/api/v1/label/instance/values", "match[]": "node_load1"}, 0.3
    yield "names of one instance's labels", {"path": "/api/v1/labels", "match[]": f'{{instance="{instance}"}}'}, 0.3


def measure(server, parameters, time_seconds):
    parameters = dict(parameters)
    path = parameters.pop("path", "/api/v1/query")
    if "query" in parameters:
        parameters["time"] = time_seconds
    else:
        parameters |= {"start": time_seconds - 600, "end": time_seconds}
    answer = server.get(path, parameters)
    begin, count = server.seconds(), 0
    while count < 4000 and (count < 3 or server.seconds() - begin < 0.6):
        answer = server.get(path, parameters)
        count += 1
    return (server.seconds() - begin) / count * 1e3, answer


def compare_select(arguments, work):
    per_instance = int(peer(arguments, "fill", work / "probe", 1, 1, START_MS)["series"][0])
    instances = -(-1_000_000 // per_instance)
    peer(arguments, "fill", work / "head", instances, 8, START_MS)
    peer(arguments, "blocks", work / "blocks", instances, 480 // 60, START_MS, 1)
    for case, time_seconds in (("head", START_MS // 1000 + 7 * 15), ("block", START_MS // 1000 + 900 * 7)):
        source = work / ("head" if case == "head" else "blocks")
        shutil.copytree(source, work / "theirs")
        shutil.copytree(source, work / "ours")
        theirs = Server(["prometheus"], work / "theirs", work)
        ours = Server([f"{arguments.target}/moheng-cli", "run"], work / "ours", work)
        status, names = ours.get("/api/v1/label/instance/values", {})
        instance = json.loads(names)["data"][instances * 2 // 3]
        for what, parameters, floor in select_cases(instance):
            times = ([], [])
            for _ in range(arguments.runs):
                answers = []
                for server, spent in zip((theirs, ours), times):
                    took, answer = measure(server, parameters, time_seconds)
                    spent.append(took)
                    answers.append(json.loads(answer[1])["data"])
                if answers[0] != answers[1]:
                    raise RuntimeError(f"{what}: {answers[0]!s:.300} but {answers[1]!s:.300}")
            found = answers[0]["result"][0]["value"][1] if floor and "query" in parameters else ""
            spent = [statistics.median(one) for one in times]
            if not floor:
                row(f"{case}: {what}", *spent, 9, "ms")
                requests = spent
            elif spent[0] < 3 * requests[0]:
                net = [one - request for one, request in zip(spent, requests)]
                row(f"{case}: {what} ({found}), request included", *spent, 9, "ms")
                row(f"{case}: {what} ({found})", *net, floor, "ms")
            else:
                row(f"{case}: {what} ({found})", *spent, floor, "ms")
        theirs.stop()
        ours.stop()
        shutil.rmtree(work / "theirs")
        shutil.rmtree(work / "ours")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("append", "compact", "select"))
    parser.add_argument("--target", default="target/release", help="where the two programs were built")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print("| what | Prometheus | moheng | ratio | floor |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="moheng-speed-") as work:
        parts = {"append": compare_append, "compact": compare_compact, "select": compare_select}
        parts[arguments.part](arguments, pathlib.Path(work))
    if IS_SLOW:
        raise SystemExit(f"above the floor: {', '.join(IS_SLOW)}")


if __name__ == "__main__":
    main()
