#!/usr/bin/env python3
"""Exemplars and deletions in a data directory mean the same here and to Prometheus, whoever wrote them.

Run by hand; needs prometheus and promtool 2.42 or later in PATH (Debian: apt install prometheus) and cargo:

    python3 moheng-tsdb/tests/peers/notes_with_prometheus.py [--program PATH_OF_THE_EXAMPLE_notes]

One directory goes back and forth: promtool makes blocks, Prometheus scrapes exemplars and deletes in blocks and memory and is killed,
then this crate appends exemplars, deletes and cleans, and Prometheus looks again. At each stop both show all samples and exemplars.
"""

import argparse
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BLOCK_START_S = int(time.time()) // 7200 * 7200 - 5 * 7200
EVERYTHING = '{__name__=~".+"}'


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def build():
    message = run("cargo", "build", "--release", "-p", "moheng-tsdb", "--example", "notes", "--message-format=json",
                  "--manifest-path", os.path.join(ROOT, "Cargo.toml"))
    for line in message.splitlines():
        artifact = json.loads(line)
        if artifact.get("target", {}).get("name") == "notes" and artifact.get("executable"):
            return artifact["executable"]
    sys.exit("cargo built no example")


class Target(http.server.BaseHTTPRequestHandler):
    """Counters with exemplars that move with every scrape."""

    scrapes = 0

    def do_GET(self):
        Target.scrapes += 1
        lines = ["# TYPE seen counter", "# HELP seen Requests."]
        for path in "abc":
            count = Target.scrapes * (ord(path) - 90)
            trace = f'{{trace_id="{path}-{Target.scrapes}"}} {count / 8}'
            lines.append(f'seen_total{{path="{path}"}} {count} # {trace}')
        body = "\n".join(lines + ["# EOF", ""]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Prometheus:
    def __init__(self, path, target=None):
        self.address = f"127.0.0.1:{free_port()}"
        config = path + ".yml"
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 1s}\n")
            if target:
                file.write(f"scrape_configs:\n- job_name: t\n  static_configs: [{{targets: ['{target}']}}]\n")
        self.log = open(path + ".log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={path}", f"--web.listen-address={self.address}",
             "--storage.tsdb.retention.time=100y", "--web.enable-admin-api", "--enable-feature=exemplar-storage"],
            stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop(kill=True)
        sys.exit(f"Prometheus does not get ready; see {path}.log")

    def ask(self, route, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{route}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]

    def post(self, route, **parameters):
        data = urllib.parse.urlencode(parameters, doseq=True).encode()
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{route}", data=data, timeout=60) as answer:
            assert answer.status == 204, answer.status

    def show(self):
        found = []
        for series in self.ask("query", query=EVERYTHING + "[30d]", time=time.time() + 3600)["result"]:
            for seconds, value in series["values"]:
                found.append(("sample", labels(series["metric"]), "", float(value), round(seconds * 1000)))
        for series in self.ask("query_exemplars", query=EVERYTHING):
            for one in series["exemplars"]:
                found.append(("exemplar", labels(series["seriesLabels"]), labels(one["labels"]), float(one["value"]),
                              round(one["timestamp"] * 1000)))
        return sorted(found)

    def stop(self, kill=False):
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(30)
        self.log.close()


def labels(pairs):
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(pairs.items())) + "}"


def ours(program, path):
    found = []
    for line in run(program, "show", path).splitlines():
        kind, rest = line.split(" ", 1)
        rest, value, time_ms = rest.rsplit(" ", 2)
        of_series, end, of_exemplar = rest.partition("} {")
        pair = (of_series + "}", "{" + of_exemplar) if end else (of_series, "")
        # Queries leave out the markers of series that ended.
        if value != "NaN":
            found.append((kind, *pair, float(value), int(time_ms)))
    return sorted(found)


def same(what, left, right):
    for here, there in zip(left, right):
        if here != there:
            sys.exit(f"{what}: here {here}, there {there}")
    if len(left) != len(right):
        sys.exit(f"{what}: {len(left)} here, {len(right)} there")
    exemplars = sum(one[0] == "exemplar" for one in left)
    print(f"{what}: {len(left) - exemplars} samples and {exemplars} exemplars, the same")
    return left


def make_blocks(path):
    """Six hours, so that there are several blocks."""
    lines = []
    for metric in range(4):
        lines.append(f"# TYPE block_{metric} gauge")
        for instance in range(5):
            for step in range(6 * 60):
                lines.append(f'block_{metric}{{instance="host-{instance}"}} {step + metric} {BLOCK_START_S + step * 60}')
    with open(path + ".txt", "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["# EOF", ""]))
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", path + ".txt", path)


def check(program, path):
    make_blocks(path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    prometheus = Prometheus(path, f"127.0.0.1:{server.server_port}")
    while Target.scrapes < 12:
        time.sleep(0.2)
    delete = "admin/tsdb/delete_series"
    prometheus.post(delete, **{"match[]": "block_1"})
    prometheus.post(delete, **{"match[]": 'block_2{instance="host-3"}', "start": BLOCK_START_S + 3000,
                               "end": BLOCK_START_S + 9000})
    prometheus.post(delete, **{"match[]": ['seen_total{path="b"}', "scrape_duration_seconds"], "end": time.time() - 4})
    while Target.scrapes < 16:
        time.sleep(0.2)
    server.shutdown()
    time.sleep(1.5)
    theirs = prometheus.show()
    prometheus.stop(kill=True)
    found = same("deleted by Prometheus, which was killed", ours(program, path), theirs)
    assert not any("block_1" in one[1] for one in found)
    assert any(one[0] == "exemplar" for one in found)

    # Behind the last sample of Prometheus.
    start_ms = int(time.time() * 1000) + 1000
    run(program, "fill", path, str(start_ms))
    run(program, "delete", path, "filled_1_total", str(start_ms + 60_000), str(start_ms + 120_000))
    run(program, "delete", path, "block_3", str((BLOCK_START_S + 7000) * 1000), str((BLOCK_START_S + 7400) * 1000))
    run(program, "delete", path, "up", "0", str(start_ms))
    expected = ours(program, path)
    assert len(expected) != len(found)
    prometheus = Prometheus(path)
    same("deleted here, looked at by Prometheus", expected, prometheus.show())
    prometheus.stop()
    same("after Prometheus ended", ours(program, path), expected)
    run(program, "clean", path)
    prometheus = Prometheus(path)
    same("cleaned here", ours(program, path), same("cleaned here, looked at by Prometheus", expected, prometheus.show()))
    prometheus.post(delete, **{"match[]": "block_0", "end": BLOCK_START_S + 7200})
    prometheus.post("admin/tsdb/clean_tombstones")
    theirs = prometheus.show()
    prometheus.stop()
    same("cleaned by Prometheus", ours(program, path), theirs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", help="the example `notes`, built")
    arguments = parser.parse_args()
    program = arguments.program or build()
    work = tempfile.mkdtemp(prefix="moheng-notes-")
    try:
        check(program, os.path.join(work, "data"))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
