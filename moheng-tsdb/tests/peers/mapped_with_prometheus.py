#!/usr/bin/env python3
"""Mapped chunks written here are read by Prometheus, and its own are read here, after both sides were killed.

Run by hand; needs prometheus and promtool 2.42 or later in PATH (Debian: apt install prometheus) and cargo:

    python3 moheng-tsdb/tests/peers/mapped_with_prometheus.py [--program PATH_OF_THE_EXAMPLE_restart]
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
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def run(*command, expect=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expect:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def build():
    message = run("cargo", "build", "--release", "-p", "moheng-tsdb", "--example", "restart", "--message-format=json",
                  "--manifest-path", os.path.join(ROOT, "Cargo.toml"))
    for line in message.splitlines():
        artifact = json.loads(line)
        if artifact.get("target", {}).get("name") == "restart" and artifact.get("executable"):
            return artifact["executable"]
    sys.exit("cargo built no example")


def parse(dump):
    samples = []
    for line in dump.splitlines():
        labels, value, time_ms = line.rsplit(" ", 2)
        number = float(value)
        samples.append((labels, "NaN" if math.isnan(number) else number, int(time_ms)))
    return sorted(samples, key=lambda sample: (sample[0], sample[2]))


def same(what, left, right):
    if left != right:
        for index, (one, other) in enumerate(zip(left, right)):
            if one != other:
                sys.exit(f"{what}: sample {index}: {one} and {other}")
        sys.exit(f"{what}: {len(left)} and {len(right)} samples")
    print(f"{what}: {len(left)} samples, the same")


def prometheus(path, interval, seconds):
    """Lets Prometheus open the directory, and scrape itself for a while; kills it. Returns its metrics and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with open(path + ".yml", "w", encoding="utf-8") as file:
        if seconds:
            file.write(f"scrape_configs: [{{job_name: self, scrape_interval: {interval}, scrape_timeout: {interval}, "
                       f"static_configs: [{{targets: ['{address}']}}]}}]\n")
    with open(path + ".log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={path}.yml", f"--storage.tsdb.path={path}",
             f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y"], stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            time.sleep(seconds)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as page:
                lines = page.read().decode().splitlines()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(30)
    metrics = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    with open(path + ".log", encoding="utf-8") as log:
        return metrics, log.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program")
    parser.add_argument("--seconds", type=int, default=100, help="how long Prometheus scrapes; it maps chunks each minute")
    arguments = parser.parse_args()
    program = arguments.program or build()
    root = tempfile.mkdtemp(prefix="moheng-mapped-")

    path = os.path.join(root, "ours")
    # What was written last is younger than the last run, so some samples are in the log only.
    filled = json.loads(run(program, "fill", path, "2000", "400", expect=-6))
    assert filled["chunks_mapped"] >= 3000, filled
    before = parse(run(program, "dump", path))
    same("written here, read by promtool", before, parse(run("promtool", "tsdb", "dump", path)))
    metrics, log = prometheus(path, "1s", 0)
    assert metrics["prometheus_tsdb_mmap_chunk_corruptions_total"] == 0, log
    assert "corrupt" not in log.lower() and "out of sequence" not in log, log
    assert metrics["prometheus_tsdb_head_chunks"] == filled["chunks"], (metrics["prometheus_tsdb_head_chunks"], filled)
    same("after Prometheus had it and was killed", before, parse(run(program, "dump", path)))
    run(program, "open", path)

    theirs = os.path.join(root, "theirs")
    os.mkdir(theirs)
    metrics, log = prometheus(theirs, "200ms", arguments.seconds)
    files = os.listdir(os.path.join(theirs, "chunks_head"))
    assert files, "Prometheus mapped no chunks; let it scrape longer"
    there = parse(run("promtool", "tsdb", "dump", theirs))
    here = parse(run(program, "dump", theirs))
    same("written by Prometheus, read here", here, there)
    opened = json.loads(run(program, "open", theirs))
    assert opened["mapped"] > 0, opened
    same("after it was opened here", parse(run("promtool", "tsdb", "dump", theirs)), there)
    assert "quarantine" not in os.listdir(theirs)
    print(f"{opened['mapped']} samples were in chunks of Prometheus")
    shutil.rmtree(root)


main()
