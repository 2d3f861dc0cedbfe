#!/usr/bin/env python3
"""Kills moheng-cli again and again while it scrapes, and looks whether something it had said is gone or wrong.

Needs python3 only; listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli
    moheng-cli/tests/peers/kill_nine.py --loops 50

A target here serves counters whose values tell the scrape and the series they are of. `moheng-cli run` scrapes it many times a second
with `--storage.wal-sync=always` and gets SIGKILL at a random moment, also while it starts, maps chunks or compacts. Whatever an answer
had shown before must be there after every later start, with the same timestamp and value; every value must be one that was served, a
scrape is there as a whole or not at all, and `tsdb verify`, where the program has it, finds nothing. Exit code 1 when one of these
is not so.
"""

import argparse
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

SERIES = 400
STRIDE = 1000


class Target(http.server.ThreadingHTTPServer):
    """Serves `load_total{number="K"} N * STRIDE + K` at the Nth scrape."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.scrapes = 0
        self.lock = threading.Lock()

    def handle_error(self, *_):
        """A scrape that dies with its process is no error here."""


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.lock:
            self.server.scrapes += 1
            scrape = self.server.scrapes
        lines = ["# TYPE load_total counter"]
        lines += [f'load_total{{number="{k}"}} {scrape * STRIDE + k}' for k in range(SERIES)]
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def samples(port, window, matcher=""):
    """All samples of the window by series number: `{k: {timestamp: value}}`."""
    query = urllib.parse.urlencode({"query": f"load_total{{{matcher}}}[{window}]"})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=30) as reply:
        answer = json.load(reply)
    if answer["status"] != "success":
        raise RuntimeError(answer)
    found = {}
    for series in answer["data"]["result"]:
        found[int(series["metric"]["number"])] = {time: int(float(value)) for time, value in series["values"]}
    return found


class Check:
    """What was seen so far, and what is wrong."""

    def __init__(self):
        self.seen = {}
        self.problems = []

    def note(self, found):
        for number, values in found.items():
            self.seen.setdefault(number, {}).update(values)

    def after_start(self, found, served, loop):
        for number, values in self.seen.items():
            there = found.get(number, {})
            for time_seconds, value in values.items():
                if there.get(time_seconds) != value:
                    self.problems.append(
                        f"loop {loop}: series {number} had {value} at {time_seconds}, now {there.get(time_seconds)}"
                    )
        by_scrape = {}
        for number, values in found.items():
            last = 0
            for time_seconds, value in sorted(values.items(), key=lambda item: float(item[0])):
                scrape, remainder = divmod(value, STRIDE)
                if remainder != number or not last < scrape <= served:
                    self.problems.append(f"loop {loop}: series {number} has {value} at {time_seconds}, never served")
                last = scrape
                by_scrape.setdefault(scrape, set()).add(number)
        for scrape, numbers in by_scrape.items():
            if len(numbers) != SERIES:
                self.problems.append(f"loop {loop}: only {len(numbers)} of {SERIES} samples of scrape {scrape}")


def wait_ready(port, process):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"moheng-cli ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).read()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("moheng-cli does not get ready")


def poll_until_killed(port, check, stop):
    while not stop.is_set():
        try:
            check.note(samples(port, "5s", 'number=~"[0-9]*7"'))
        except (OSError, ValueError, RuntimeError):
            return


def start(arguments, folder, port, log):
    command = [
        arguments.binary,
        "run",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.wal-sync=always",
    ]
    return subprocess.Popen(command, stdout=log, stderr=log)


def run(arguments, folder):
    target = Target()
    threading.Thread(target=target.serve_forever, daemon=True).start()
    with open(f"{folder}/prometheus.yml", "w") as file:
        file.write(
            "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
            "scrape_configs:\n"
            "  - job_name: load\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{target.server_address[1]}']}}]\n"
        )
    chance = random.Random(arguments.seed)
    check = Check()
    early = 0
    slowest_start = 0.0
    with open(f"{folder}/log", "w") as log:
        for loop in range(arguments.loops):
            port = free_port()
            process = start(arguments, folder, port, log)
            try:
                if loop and chance.random() < 0.2:
                    # Also while it opens the database.
                    time.sleep(chance.random() * 0.1)
                    early += 1
                    continue
                began = time.monotonic()
                wait_ready(port, process)
                slowest_start = max(slowest_start, time.monotonic() - began)
                check.after_start(samples(port, "1h"), target.scrapes, loop)
                stop = threading.Event()
                poller = threading.Thread(target=poll_until_killed, args=(port, check, stop))
                poller.start()
                time.sleep(chance.uniform(0.05, arguments.seconds))
                process.send_signal(signal.SIGKILL)
                stop.set()
                poller.join()
            finally:
                process.kill()
                process.wait()
            if check.problems:
                break
        port = free_port()
        process = start(arguments, folder, port, log)
        try:
            wait_ready(port, process)
            found = samples(port, "1h")
            check.after_start(found, target.scrapes, "last")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    verify = subprocess.run([arguments.binary, "tsdb", "verify", f"{folder}/data"], capture_output=True, text=True)
    if verify.returncode != 0 and "unrecognized subcommand" not in verify.stderr:
        check.problems.append(f"tsdb verify: {verify.stdout}{verify.stderr}")
    target.shutdown()
    seen = sum(len(values) for values in check.seen.values())
    stored = sum(len(values) for values in found.values())
    print(
        f"{arguments.loops} kills, {early} of them while starting; {target.scrapes} scrapes served, {stored} samples stored, "
        f"{seen} of them seen before a kill; slowest start {slowest_start:.2f} s; {len(check.problems)} problems"
    )
    for problem in check.problems[:20]:
        print(problem)
    return 1 if check.problems else 0


def main():
    root = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.path.join(root, "../../../target/release/moheng-cli"))
    parser.add_argument("--loops", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long it runs at most before it is killed")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep the data directory and the log")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="moheng-kill-")
    print(f"seed {arguments.seed}, in {folder}")
    try:
        return run(arguments, folder)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
