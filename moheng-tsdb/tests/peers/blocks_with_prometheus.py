#!/usr/bin/env python3
"""Blocks written here are read by Prometheus and promtool, and theirs are read here, with the same samples.

Run by hand; needs prometheus and promtool in PATH (Debian: apt install prometheus) and cargo:

    python3 moheng-tsdb/tests/peers/blocks_with_prometheus.py [--program PATH_OF_THE_EXAMPLE_blocks]
"""

import argparse
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
HOUR_S = 3600


def run(*command, expect=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expect:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def build():
    message = run("cargo", "build", "--release", "-p", "moheng-tsdb", "--example", "blocks", "--message-format=json",
                  "--manifest-path", os.path.join(ROOT, "Cargo.toml"))
    for line in message.splitlines():
        artifact = json.loads(line)
        if artifact.get("target", {}).get("name") == "blocks" and artifact.get("executable"):
            return artifact["executable"]
    sys.exit("cargo built no example")


def parse(dump):
    """Lines of a dump as (labels, bits of the value, time), NaNs alike."""
    samples = []
    for line in dump.splitlines():
        labels, value, time_ms = line.rsplit(" ", 2)
        number = float(value)
        samples.append((labels, "NaN" if math.isnan(number) else number, int(time_ms)))
    return samples


def same(what, ours, theirs):
    if ours != theirs:
        for index, (left, right) in enumerate(zip(ours, theirs)):
            if left != right:
                sys.exit(f"{what}: sample {index}: here {left}, there {right}")
        sys.exit(f"{what}: {len(ours)} samples here, {len(theirs)} there")
    print(f"{what}: {len(ours)} samples, the same")


class Directory:
    """A data directory, looked at by both sides."""

    def __init__(self, program, path):
        self.program, self.path = program, path
        # promtool opens no directory without a write-ahead log.
        os.makedirs(os.path.join(path, "wal"), exist_ok=True)

    def ours(self):
        return parse(run(self.program, "dump", self.path))

    def theirs(self):
        return parse(run("promtool", "tsdb", "dump", self.path))

    def blocks(self):
        return sorted(name for name in os.listdir(self.path) if len(name) == 26)

    def check(self, what):
        """Both see the same, everything is whole, and promtool is content. Returns the samples."""
        run(self.program, "verify", self.path)
        # Prometheus keeps a write-ahead log beside; it is not for this comparison.
        listed = run("promtool", "tsdb", "list", self.path)
        for block in self.blocks():
            assert block in listed, f"{what}: promtool does not list {block}"
            analysis = run("promtool", "tsdb", "analyze", self.path, block)
            assert "Postings entries" in analysis, analysis
        ours = self.ours()
        same(what, ours, self.theirs())
        assert ours, f"{what}: nothing there"
        return ours


def open_metrics(path, seed):
    """Gauges and counters over nine hours, so that there are several blocks."""
    numbers = random.Random(seed)
    lines = []
    for metric in range(12):
        name = f"metric_{metric}"
        lines.append(f"# TYPE {name} gauge")
        for instance in range(10):
            value = 0.0
            for step in range(numbers.choice([700, 1080, 2160])):
                kind = (metric + instance) % 4
                value = [value + 1, numbers.random() * 100, float(instance), value][kind]
                if numbers.random() < 0.01:
                    continue
                text = "NaN" if numbers.random() < 0.002 else repr(value)
                lines.append(f'{name}{{instance="host-{instance}:9100",job="node ü"}} {text} {1_600_000_200 + step * 15}')
    lines.append("# EOF")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


class Prometheus:
    def __init__(self, path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        config = path + ".yml"
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {}\n")
        self.log = open(path + ".log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={path}", f"--web.listen-address={self.address}",
             "--storage.tsdb.retention.time=100y", "--web.enable-admin-api"],
            stdout=self.log, stderr=self.log)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5)
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"Prometheus does not get ready; see {path}.log")

    def get(self, route, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"http://{self.address}{route}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]

    def post(self, route, **parameters):
        body = urllib.parse.urlencode(parameters, doseq=True).encode()
        urllib.request.urlopen(f"http://{self.address}{route}", data=body, timeout=60).close()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def api_samples(prometheus, start_s, end_s):
    """All samples over the HTTP API, in the form of a dump."""
    samples = []
    data = prometheus.get("/api/v1/query", query=f'{{__name__=~".+"}}[{end_s - start_s}s]', time=end_s)
    for series in data["result"]:
        pairs = sorted(series["metric"].items())
        labels = "{" + ", ".join(f'{name}="{value}"' for name, value in pairs) + "}"
        for timestamp, value in series["values"]:
            number = float(value)
            samples.append((labels, "NaN" if math.isnan(number) else number, round(timestamp * 1000)))
    return sorted(samples, key=lambda sample: (sample[0], sample[2]))


def from_promtool(program, root):
    text, path = os.path.join(root, "input.txt"), os.path.join(root, "promtool")
    open_metrics(text, 1)
    os.mkdir(path)
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", text, path)
    directory = Directory(program, path)
    before = directory.check(f"{len(directory.blocks())} blocks of promtool")

    # Deletions made here are seen there.
    run(program, "delete", path, "metric_3", "1600000000000", "1600009000000")
    after = directory.check("with deletions made here")
    assert len(after) < len(before)
    # One block made here of theirs, with the deletions carried out.
    run(program, "compact", path)
    assert len(directory.blocks()) == 1
    same("after compaction here", directory.check("compacted here"), after)
    return directory


def through_prometheus(directory):
    """Prometheus serves blocks written here, deletes in them, and restarts."""
    expected = directory.ours()
    prometheus = Prometheus(directory.path)
    start_s, end_s = 1_600_000_000, 1_600_000_000 + 12 * HOUR_S
    key = lambda sample: (sample[0], sample[2])
    same("over the API of Prometheus", sorted(expected, key=key), api_samples(prometheus, start_s, end_s))
    prometheus.post("/api/v1/admin/tsdb/delete_series", **{"match[]": "metric_5", "start": start_s, "end": start_s + 9000})
    prometheus.stop()
    after = directory.check("with deletions made by Prometheus")
    assert len(after) < len(expected)
    prometheus = Prometheus(directory.path)
    prometheus.post("/api/v1/admin/tsdb/clean_tombstones")
    prometheus.stop()
    same("after cleaning by Prometheus", directory.check("cleaned by Prometheus"), after)


def written_here(program, root):
    path = os.path.join(root, "here")
    run(program, "write", path, "3000", "480")
    directory = Directory(program, path)
    directory.check("a block written here")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the built example \"blocks\" (default: build it)")
    parser.add_argument("--keep", action="store_true", help="keep the directories")
    arguments = parser.parse_args()
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not in PATH")
    program = arguments.program or build()
    root = tempfile.mkdtemp(prefix="moheng-blocks-")
    try:
        written_here(program, root)
        through_prometheus(from_promtool(program, root))
        print("all the same")
    finally:
        if arguments.keep:
            print(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
