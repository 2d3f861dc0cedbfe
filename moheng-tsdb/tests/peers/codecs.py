#!/usr/bin/env python3
"""Lets Prometheus read histograms that this crate wrote, and compares all of them.

Usage: codecs.py PROMETHEUS EXAMPLE

PROMETHEUS is the binary of Prometheus (2.42 or later), EXAMPLE that of this crate's example `codecs`. They work in a temporary
directory and listen on 127.0.0.1 only.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ADDRESS = "127.0.0.1:19442"


def get(path, **arguments):
    query = urllib.parse.urlencode(arguments)
    with urllib.request.urlopen(f"http://{ADDRESS}{path}?{query}", timeout=10) as response:
        return json.load(response)


def wait_until_ready(process):
    for _ in range(100):
        if process.poll() is not None:
            sys.exit(f"Prometheus ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://{ADDRESS}/-/ready", timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("Prometheus does not get ready")


def bucket_numbers(spans):
    number = 0
    for offset, length in spans:
        number += offset
        for _ in range(length):
            yield number
            number += 1


def expected_buckets(sample):
    """(upper bound of the absolute values, sign, count) of the buckets that are not empty, ascending by value."""
    growth = 2 ** (2 ** -sample["schema"])
    sides = []
    for sign, side in ((-1, "negative"), (1, "positive")):
        numbers = bucket_numbers(sample[f"{side}_spans"])
        side = [(growth**number, sign, count) for number, count in zip(numbers, sample[side]) if count]
        sides.append(side)
    zero = [(0, 0, sample["zero_count"])] if sample["zero_count"] else []
    return sides[0][::-1] + zero + sides[1]


def found_buckets(histogram):
    buckets = []
    for rule, low, high, count in histogram.get("buckets", []):
        low, high = float(low), float(high)
        if low < 0 < high:
            buckets.append((0, 0, float(count)))
        else:
            buckets.append((max(abs(low), abs(high)), 1 if high > 0 else -1, float(count)))
    return buckets


def same_buckets(found, expected):
    return len(found) == len(expected) and all(
        abs(a[0] - b[0]) <= 1e-9 * b[0] and a[1:] == b[1:] for a, b in zip(found, expected)
    )


def main():
    prometheus, example = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        told = subprocess.run([example, str(root / "data")], check=True, capture_output=True, text=True).stdout
        series = [json.loads(line) for line in told.splitlines()]
        (root / "prometheus.yml").write_text("global: {}\n")
        log = open(root / "log", "w+")
        process = subprocess.Popen(
            [
                prometheus,
                f"--config.file={root}/prometheus.yml",
                f"--storage.tsdb.path={root}/data",
                f"--web.listen-address={ADDRESS}",
                "--enable-feature=native-histograms,exemplar-storage",
                "--storage.tsdb.retention.time=100y",
            ],
            stderr=log,
        )
        try:
            wait_until_ready(process)
            wrong = compare(series)
        finally:
            process.terminate()
            process.wait()
            log.seek(0)
            text = log.read()
        for line in text.splitlines():
            if ("level=error" in line or "level=warn" in line) and "component=tsdb" in line:
                print(line)
                wrong += 1
    print(f"{len(series)} series, {wrong} differences")
    sys.exit(1 if wrong else 0)


def compare(series):
    wrong = 0
    for one in series:
        end_ms = one["samples"][-1]["timestamp_ms"] + 1
        result = get("/api/v1/query", query=f"{one['name']}[1h]", time=end_ms / 1000)["data"]["result"]
        found = result[0].get("histograms", []) if result else []
        if len(found) != len(one["samples"]):
            print(f"{one['name']}: {len(found)} samples instead of {len(one['samples'])}")
            wrong += 1
        for (timestamp, histogram), sample in zip(found, one["samples"]):
            is_same = (
                round(timestamp * 1000) == sample["timestamp_ms"]
                and float(histogram["count"]) == sample["count"]
                and float(histogram["sum"]) == sample["sum"]
                and same_buckets(found_buckets(histogram), expected_buckets(sample))
            )
            if not is_same:
                print(f"{one['name']} at {timestamp}: {histogram} instead of {sample}")
                wrong += 1
    deleted = get("/api/v1/query", query="deleted[1h]", time=series[0]["samples"][-1]["timestamp_ms"] / 1000)
    if deleted["data"]["result"]:
        print("deleted samples are there")
        wrong += 1
    exemplars = get("/api/v1/query_exemplars", query="histogram_1", start="1699999000", end="1700009000")["data"]
    if [one["exemplars"][0]["labels"] for one in exemplars] != [{"trace_id": "abc"}]:
        print(f"exemplars: {exemplars}")
        wrong += 1
    return wrong


main()
