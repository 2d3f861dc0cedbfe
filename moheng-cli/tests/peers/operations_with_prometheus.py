#!/usr/bin/env python3
"""Locks, verification, snapshots, import and backfill beside Prometheus and promtool.

Run by hand; needs prometheus and promtool 2.42 or later in PATH (Debian: apt install prometheus):

    cargo build --release -p moheng-cli
    python3 moheng-cli/tests/peers/operations_with_prometheus.py [--moheng PATH]

Servers listen on 127.0.0.1 only.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START_SECONDS = 1_700_000_000


def run(*command, expect=0):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expect, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout if expect == 0 else done.stdout + done.stderr


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def dump(path, *flags, tool="promtool"):
    # promtool reads no directory without a log.
    os.makedirs(os.path.join(path, "wal"), exist_ok=True)
    return run(tool, "tsdb", "dump", *flags, path)


@contextlib.contextmanager
def server(*command):
    """Starts a server whose command line has {address} in it, and yields its address when it is ready."""
    address = f"127.0.0.1:{free_port()}"
    command = [part.replace("{address}", address) for part in command]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(300):
                time.sleep(0.1)
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://{address}/-/ready").close()
                    break
                assert child.poll() is None, f"{command} ended: {log.seek(0) or log.read().decode()}"
            yield address
        finally:
            child.terminate()
            child.wait()


def prometheus(root, data):
    config = os.path.join(root, "empty.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("scrape_configs: [{job_name: own, scrape_interval: 200ms, static_configs: [{targets: ['{address}']}]}]\n"
                   .replace("{address}", "127.0.0.1:1"))
    # Debian's takes no lock unless asked for.
    asks = subprocess.run(["prometheus", "--help"], capture_output=True, text=True, check=False)
    lock = ["--storage.tsdb.use-lockfile"] if "use-lockfile" in asks.stdout + asks.stderr else []
    return ("prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}", "--web.listen-address={address}",
            "--web.enable-admin-api", *lock)


def moheng_server(moheng, data):
    return (moheng, "run", f"--storage.tsdb.path={data}", "--web.listen-address={address}", "--web.enable-admin-api",
            "--storage.reserve-size=1MB")


def samples(path, hours=9, series=20):
    """Writes an OpenMetrics file of samples a minute apart, series by series."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("# HELP requests Requests.\n# TYPE requests counter\n")
        for number in range(series):
            for minute in range(hours * 60):
                value = minute * (number + 1) / 8
                file.write(f'requests_total{{path="/{number}",odd="\\"ü\\\\"}} {value} {START_SECONDS + minute * 60}\n')
        file.write("# TYPE up gauge\n")
        for minute in range(hours * 60):
            file.write(f"up {minute % 2} {START_SECONDS + minute * 60}.250\n")
        file.write("# EOF\n")


def case_lock(moheng, root):
    """Neither opens a directory that the other has."""
    data = os.path.join(root, "data")
    with server(*prometheus(root, data)):
        for command in (("tsdb", "import", root, data), ("run", f"--storage.tsdb.path={data}", "--web.listen-address=127.0.0.1:0")):
            said = run(moheng, *command, expect=1)
            assert "in use by another process" in said, said
        run(moheng, "tsdb", "verify", data)
        run(moheng, "tsdb", "dump", data)
    with server(*moheng_server(moheng, data)):
        assert os.path.exists(os.path.join(data, "reserve"))
        port = free_port()
        command = [part.replace("{address}", f"127.0.0.1:{port}") for part in prometheus(root, data)]
        said = run(*command, expect=1)
        assert "lock" in said, said
        said = run(moheng, "run", f"--storage.tsdb.path={data}", "--web.listen-address=127.0.0.1:0", expect=1)
        assert "in use by another process" in said, said
    # What we leave behind does not bother Prometheus.
    with server(*prometheus(root, data)):
        pass
    run(moheng, "tsdb", "verify", data)


def case_backfill(moheng, root):
    """Blocks of a file are those that promtool makes of it, and promtool is content with them."""
    file = os.path.join(root, "samples.txt")
    samples(file)
    ours, theirs = os.path.join(root, "ours"), os.path.join(root, "theirs")
    print(run(moheng, "tsdb", "create-blocks-from", "openmetrics", "-r", file, ours))
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", file, theirs)
    assert dump(ours) == dump(theirs)
    columns = [[line.split()[1:7] for line in run("promtool", "tsdb", "list", path).splitlines()] for path in (ours, theirs)]
    assert columns[0] == columns[1], columns
    run("promtool", "tsdb", "analyze", ours)
    run(moheng, "tsdb", "verify", ours)
    # A day in a block.
    days = os.path.join(root, "days")
    run(moheng, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=1d", "--label=zone=a", file, days)
    assert len(run("promtool", "tsdb", "list", days).splitlines()) <= 3
    dumped = dump(days)
    assert dumped.count('zone="a"') == len(dumped.splitlines()) == len(dump(ours).splitlines())
    analysis = json.loads(run(moheng, "tsdb", "analyze", "--json", ours))
    assert analysis["numSeries"] == 21 and analysis["seriesByMetric"][0] == {"name": "requests_total", "value": 20}, analysis
    said = run("promtool", "tsdb", "analyze", ours, analysis["ulid"])
    for line, key in (("Series: ", "numSeries"), ("Label names: ", "labelNames"),
                      ("Postings (unique label pairs): ", "labelPairs"),
                      ("Postings entries (total label pairs): ", "labelsOfSeries")):
        assert f"{line}{analysis[key]}\n" in said, (line, said)


def case_import(moheng, root):
    """Blocks of promtool are imported and give the same samples."""
    file = os.path.join(root, "samples.txt")
    samples(file)
    theirs, data = os.path.join(root, "theirs"), os.path.join(root, "data")
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", file, theirs)
    run(moheng, "tsdb", "import", theirs, data)
    expected = dump(theirs)
    assert run(moheng, "tsdb", "dump", data) == expected
    assert dump(data) == expected
    said = run(moheng, "tsdb", "import", theirs, data, expect=1)
    assert "already" in said, said
    run(moheng, "tsdb", "verify", data)


def case_snapshot(moheng, root):
    """A snapshot of ours is one that Prometheus opens, and the other way round."""
    file = os.path.join(root, "samples.txt")
    samples(file)
    data = os.path.join(root, "data")
    run(moheng, "tsdb", "create-blocks-from", "openmetrics", "-q", file, data)
    expected = dump(data)
    for side in (moheng_server(moheng, data), prometheus(root, data)):
        with server(*side) as address:
            time.sleep(1)
            request = urllib.request.Request(f"http://{address}/api/v1/admin/tsdb/snapshot", method="POST")
            with urllib.request.urlopen(request) as answer:
                name = json.load(answer)["data"]["name"]
        snapshot = os.path.join(data, "snapshots", name)
        for tool in ("promtool", moheng):
            dumped = dump(snapshot, "--match={__name__=~'up|requests_total',job=''}", tool=tool)
            assert dumped == expected, (tool, name)
        run(moheng, "tsdb", "verify", snapshot)


CASES = {name[5:]: case for name, case in globals().items() if name.startswith("case_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moheng", default=os.path.join(ROOT, "target", "release", "moheng-cli"))
    parser.add_argument("--only", nargs="*", choices=CASES)
    arguments = parser.parse_args()
    for tool in ("prometheus", "promtool", arguments.moheng):
        if not shutil.which(tool):
            sys.exit(f"there is no {tool}")
    for name in arguments.only or CASES:
        print(f"{name}: {CASES[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="moheng-operations-") as root:
            CASES[name](arguments.moheng, root)
    print("all as it should be")


if __name__ == "__main__":
    main()
