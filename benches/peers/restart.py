#!/usr/bin/env python3
"""How long opening a data directory takes here and in Prometheus, and what its series take in memory.

Run by hand; needs prometheus in PATH (Debian: apt install prometheus) and cargo:

    python3 benches/peers/restart.py [--series 1000000] [--samples 1 100] [--program PATH_OF_THE_EXAMPLE_restart]

The directory is filled here, as scrapes would, by a process that dies; each side then opens a copy of it.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


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


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prometheus(path, root):
    """Opens a directory with Prometheus and returns what it took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = os.path.join(root, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {}\n")
    with open(os.path.join(root, "prometheus.log"), "w", encoding="utf-8") as log:
        begin = time.monotonic()
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={path}",
             f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y"], stdout=log, stderr=log)
        try:
            while True:
                if process.poll() is not None:
                    sys.exit(f"Prometheus ended; see {log.name}")
                try:
                    urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.02)
            wall, cpu = time.monotonic() - begin, processor_seconds(process.pid)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as page:
                lines = page.read().decode().splitlines()
        finally:
            process.terminate()
            process.wait(120)
    value = lambda name: next(float(line.split()[1]) for line in lines if line.startswith(name + " "))
    return {"wall": value("prometheus_tsdb_data_replay_duration_seconds"), "ready": wall, "cpu": cpu,
            "resident": value("process_resident_memory_bytes"), "heap": value("go_memstats_heap_alloc_bytes"),
            "series": value("prometheus_tsdb_head_series")}


def measure(program, series, samples):
    root = tempfile.mkdtemp(prefix="moheng-restart-")
    path = os.path.join(root, "data")
    filled = run(program, "fill", path, str(series), str(samples), expect=-6)
    filled = json.loads(filled)
    for what in ["with chunks_head", "from the log alone"]:
        if what == "from the log alone":
            shutil.rmtree(os.path.join(path, "chunks_head"), ignore_errors=True)
        elif not os.path.isdir(os.path.join(path, "chunks_head")):
            continue
        ours, theirs = (os.path.join(root, name) for name in ("ours", "theirs"))
        for copy in (ours, theirs):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(path, copy)
        here, there = json.loads(run(program, "open", ours)), prometheus(theirs, root)
        print(f"{series} series with {samples} samples, {what}:")
        assert here["series"] == there["series"], (here, there)
        for name in ("wall", "cpu"):
            print(f"  {name}: here {here[name]:.2f} s, Prometheus {there[name]:.2f} s, "
                  f"ratio {there[name] / max(here[name], 0.001):.1f}")
        print(f"  resident: here {here['resident'] / series:.0f} B/series, Prometheus {there['resident'] / series:.0f} "
              f"(heap {there['heap'] / series:.0f}), ratio {here['resident'] / there['resident']:.2f}")
        print(f"  reading everything here: {here['read_ns']} ns/sample")
    print(f"  resident after appending: {filled['resident'] / series:.0f} B/series, "
          f"{filled['chunks_mapped']} of {filled['chunks']} chunks in files")
    shutil.rmtree(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--program")
    arguments = parser.parse_args()
    program = arguments.program or build()
    for samples in arguments.samples:
        measure(program, arguments.series, samples)


main()
