#!/usr/bin/env python3
"""How long opening a data directory takes here and in Prometheus, and what its series take in memory.

Run by hand; needs prometheus in PATH (Debian: apt install prometheus) and cargo:

    cargo build --release -p moheng-cli
    python3 benches/peers/restart.py [--series 1000000] [--samples 120] [--cases snapshot log] [--runs-here 3]

The directory is filled here, as scrapes would, by a process that dies; for the case with a snapshot it is opened and closed once more.
Each side then opens copies of it.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
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


def serve(command, path, root):
    """Opens a directory with a server and returns what it took until the server was ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = os.path.join(root, "empty.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {}\n")
    with open(os.path.join(root, "server.log"), "w", encoding="utf-8") as log:
        begin = time.monotonic()
        process = subprocess.Popen(
            [*command, f"--config.file={config}", f"--storage.tsdb.path={path}", f"--web.listen-address={address}",
             "--storage.tsdb.retention.time=100y", "--enable-feature=memory-snapshot-on-shutdown"], stdout=log, stderr=log)
        try:
            while True:
                if process.poll() is not None:
                    sys.exit(f"{command[0]} ended; see {log.name}")
                try:
                    urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.02)
            wall, cpu = time.monotonic() - begin, processor_seconds(process.pid)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as page:
                lines = page.read().decode().splitlines()
        finally:
            # As if it were killed: closing is not what is measured.
            process.kill()
            process.wait(120)
    value = lambda name: next(float(line.split()[1]) for line in lines if line.startswith(name + " "))
    return {"wall": wall, "cpu": cpu, "resident": value("process_resident_memory_bytes"),
            "series": value("prometheus_tsdb_head_series")}


def read_all(path):
    """Has the files in memory, so that neither side waits for the disk."""
    for directory, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                while file.read(1 << 20):
                    pass


def compare(what, path, root, arguments):
    """Each side opens copies of a directory in turn; medians are printed."""
    sides = {"here": [os.path.join(arguments.target, "moheng-cli"), "run"], "Prometheus": ["prometheus"]}
    found = {name: [] for name in sides}
    for number in range(max(arguments.runs, arguments.runs_here)):
        for name, command in sides.items():
            if number >= (arguments.runs_here if name == "here" else arguments.runs):
                continue
            copy = os.path.join(root, "copy")
            shutil.copytree(path, copy)
            os.sync()
            read_all(copy)
            found[name].append(serve(command, copy, root))
            shutil.rmtree(copy)
    here, there = ({key: statistics.median(one[key] for one in side) for key in side[0]} for side in found.values())
    assert here["series"] == there["series"], (here, there)
    print(f"{here['series']:.0f} series, {what}:")
    for name in ("wall", "cpu"):
        print(f"  {name}: here {here[name]:.2f} s ({', '.join(f'{one[name]:.2f}' for one in found['here'])}), "
              f"Prometheus {there[name]:.2f} s, ratio {here[name] / there[name]:.3f}")
    print(f"  resident: here {here['resident'] / here['series']:.0f} B/series, "
          f"Prometheus {there['resident'] / here['series']:.0f}, ratio {here['resident'] / there['resident']:.2f}", flush=True)


def measure(example, samples, arguments):
    root = tempfile.mkdtemp(prefix="moheng-restart-")
    path = os.path.join(root, "data")
    filled = json.loads(run(example, "fill", path, str(arguments.series), str(samples), expect=-6))
    print(f"{samples} samples each; resident after appending: {filled['resident'] / arguments.series:.0f} B/series, "
          f"{filled['chunks_mapped']} of {filled['chunks']} chunks in files")
    if "snapshot" in arguments.cases:
        closed = os.path.join(root, "closed")
        shutil.copytree(path, closed)
        run(example, "close", closed)
        compare("with the chunk snapshot of a clean end", closed, root, arguments)
        shutil.rmtree(closed)
    if "log" in arguments.cases:
        if os.path.isdir(os.path.join(path, "chunks_head")):
            compare("with full chunks in files", path, root, arguments)
            shutil.rmtree(os.path.join(path, "chunks_head"))
        compare("from the log alone", path, root, arguments)
    shutil.rmtree(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, nargs="+", default=[120])
    parser.add_argument("--cases", nargs="+", choices=("snapshot", "log"), default=["snapshot", "log"])
    parser.add_argument("--runs", type=int, default=1, help="of Prometheus")
    parser.add_argument("--runs-here", type=int, default=3)
    parser.add_argument("--target", default=os.path.join(ROOT, "target", "release"), help="where moheng-cli was built")
    parser.add_argument("--program", help="the built example restart")
    arguments = parser.parse_args()
    example = arguments.program or build()
    for samples in arguments.samples:
        measure(example, samples, arguments)


main()
