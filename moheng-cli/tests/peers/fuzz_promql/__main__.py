#!/usr/bin/env python3
"""Asks moheng-cli and Prometheus 2.42 random queries over the same samples and compares the answers.

Needs python3 and Debian's package prometheus; listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli -p moheng-tsdb --example ingest --bin moheng-cli
    python3 moheng-cli/tests/peers/fuzz_promql --minutes 60

Samples are written by moheng-tsdb, blocks and log; Prometheus opens a copy of the directory. All samples lie 50 ms beside a grid of 100 ms
that all times, steps, offsets and windows are on, and subqueries' windows are 13 ms off it: no sample and no point lies on the edge of
a window, which belongs to windows of Prometheus 2 at the left side and not to those of Prometheus 3.

Annotations are not compared. Values are compared bit for bit; what is different must be explained by a rule of differences.md. Everything follows from
--seed: a difference is printed with what repeats it. The exit code is 1 when there was one.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import data
from judge import Judge
from malformed import malformed
from queries import Generator
from servers import start
from tree import Dialect


def main():
    arguments = parse_arguments()
    deadline = time.monotonic() + arguments.minutes * 60
    total, failures, rules, worst = 0, 0, {}, {}
    round_number = arguments.round
    while time.monotonic() < deadline and failures < arguments.failures:
        until = min(deadline, time.monotonic() + arguments.round_minutes * 60)
        count, failed, judge = run_round(arguments, round_number, until, arguments.failures - failures)
        total += count
        failures += failed
        for rule, times in judge.counts.items():
            rules[rule] = rules.get(rule, 0) + times
        for name, units in judge.worst.items():
            worst[name] = max(worst.get(name, 0.0), units)
        print(f"round {round_number}: {total} queries, {failures} unexplained; explained: {rules}", flush=True)
        print("  rounding, at most: " + ", ".join(f"{name} {units:.1f}" for name, units in sorted(worst.items())), flush=True)
        if arguments.only is not None:
            break
        round_number += 1
    return 1 if failures else 0


def run_round(arguments, round_number, until, failures_left):
    """New samples and servers; returns how many queries were asked, how many failed, and the judge."""
    work = tempfile.mkdtemp(prefix="moheng-fuzz-")
    servers = []
    try:
        series = data.make(random.Random(f"{arguments.seed}:{round_number}"))
        servers = start(arguments, work, data.lines(series))
        judge = Judge(*servers)
        number, failures = arguments.only or 0, 0
        while time.monotonic() < until and failures < failures_left:
            name = f"{arguments.seed}:{round_number}:{number}"
            failures += ask(judge, random.Random(name), arguments, f"--seed {arguments.seed} --round {round_number} --only {number}")
            number += 1
            if arguments.only is not None:
                break
        return number - (arguments.only or 0), failures, judge
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(work, ignore_errors=True)


def ask(judge, generator, arguments, name):
    """Asks one query for a time and for a range, and whether a mistyped one is refused; returns how many of the three went wrong."""
    queries = Generator(generator, arguments.has_smoothing)
    query = queries.query()
    time_ms = queries.time_ms()
    step_ms = generator.choice([15_000, 60_000, 60_000, 300_000, 7_100, 1_000])
    end_ms = time_ms + step_ms * generator.randrange(1, 50)
    failures = 0
    for form, problem in (
        (f"at {time_ms}", judge.check_instant(query, time_ms)),
        (f"{time_ms} to {end_ms} by {step_ms}", judge.check_range(query, time_ms, end_ms, step_ms)),
    ):
        if problem:
            failures += 1
            print(f"{name}: {query.text(Dialect(True))}\n  {form}: {problem}", flush=True)
    wrong = malformed(generator, query.text(Dialect(False)))
    problem = judge.check_refused(wrong, time_ms)
    if problem:
        failures += 1
        print(f"{name}: {wrong}\n  {problem}", flush=True)
    return failures


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--round-minutes", type=float, default=3, help="how long the same samples are used")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--round", type=int, default=0, help="the first round")
    parser.add_argument("--only", type=int, help="only this query of the first round")
    parser.add_argument("--failures", type=int, default=10, help="stop after so many")
    parser.add_argument("--moheng", default=os.path.join(folder, "release", "moheng-cli"))
    parser.add_argument("--ingest", default=os.path.join(folder, "release", "examples", "ingest"))
    parser.add_argument("--prometheus", default="prometheus")
    arguments = parser.parse_args()
    for name in ("moheng", "ingest"):
        setattr(arguments, name, os.path.abspath(getattr(arguments, name)))
    text = subprocess.run([arguments.moheng, "run", "--help"], capture_output=True, text=True, check=True).stdout
    arguments.has_smoothing = "--enable-feature" in text
    return arguments


if __name__ == "__main__":
    sys.exit(main())
