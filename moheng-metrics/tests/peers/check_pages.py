#!/usr/bin/env python3
"""Lets promtool and Prometheus read the pages of the example `exporter`, in every format, and compares what they understood.

Needs python3, cargo and Debian's package prometheus (which brings promtool); listens on 127.0.0.1 only, and takes a quarter of a minute.

    moheng-metrics/tests/peers/check_pages.py [--exporter PATH] [--page http://127.0.0.1:9090/metrics]

1. promtool: `promtool check metrics` accepts the pages in the text format, served and printed. What its linter finds is listed and counts
   as a difference. `--page` adds others.
2. Values: Prometheus scrapes every format. Each series of the page, read by a few lines of Python, is stored with its value and
   no other series is; and type, help and unit are what the example says.
3. Native histograms: with the feature switched on, Prometheus negotiates protobuf by itself. Each bucket it stored holds
   exactly the observations of the example that lie within its bounds.
4. Exemplars of counters and of histograms, from OpenMetrics and from protobuf, are stored.
5. Names that Prometheus 2 does not know are escaped for it, and quoted for who asks for them.

Exit code 1 when anything differs.
"""

import argparse
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FORMATS = {
    "text004": "text/plain;version=0.0.4",
    "text100": "text/plain;version=1.0.0",
    "openmetrics001": "application/openmetrics-text;version=0.0.1",
    "openmetrics100": "application/openmetrics-text;version=1.0.0",
    "protobuf": PROTOBUF,
}
TRACE = "0af7651916cd43dd8448eb211c80319c"
# The line of a series with a UTF-8 name, where it is quoted and where it is not.
QUOTED = '{"demo_http.server.open","url.scheme"="https"} 17'
ESCAPED = 'demo_http_server_open{url_scheme="https"} 17'
OBSERVATIONS = {
    "positive": [step / 4 for step in range(100)] + [7.0],
    "negative": [-float(step) for step in range(100)],
}
METADATA = {
    "demo_celsius": ("gauge", 'Odd "values" and \\ labels.\n', "celsius"),
    "demo_sizes_bytes": ("histogram", "Of both signs.", "bytes"),
    "demo_answer": ("unknown", "From a collector.", ""),
    "demo_pause_seconds": ("summary", "Pauses of a runtime.", "seconds"),
    "demo_http_server_open": ("gauge", "Named as in OpenTelemetry.", ""),
}
# Counters and histograms that the example's registry made: bytes, failures, sizes of two signs.
STARTS = 4
failures = []


def check(condition, message):
    if not condition:
        failures.append(message)
        print(f"  WRONG: {message}")


def main():
    arguments = parse_arguments()
    work = tempfile.mkdtemp(prefix="moheng-pages-")
    processes = []
    try:
        path = arguments.exporter or build_exporter()
        exporter = start_exporter(path, processes)
        proxy = start_proxy(exporter)
        pages = {name: fetch(f"{proxy}/{name}") for name in FORMATS}
        printed = {f"printed {word}": run_exporter(path, word) for word in ["text", "text-utf8", "openmetrics-utf8"]}
        check_with_promtool(arguments, {**pages, "text, printed": printed["printed text"]})
        check_names(exporter, pages, printed)
        expected = demo_series(pages["text004"].decode())
        texts = [name for name in FORMATS if name != "protobuf"]
        plain = start_prometheus(work, "exemplar-storage", texts, proxy, exporter, processes)
        features = "exemplar-storage,native-histograms"
        native = start_prometheus(work, features, ["protobuf"], proxy, exporter, processes)
        check_values(plain, texts + ["negotiated"], expected)
        check_metadata(plain)
        check_native(native, expected)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(work, ignore_errors=True)
    print(f"{len(failures)} differences" if failures else "all as exposed")
    return 1 if failures else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exporter", help="a built example instead of one that is built now")
    parser.add_argument("--page", action="append", default=[], help="URL of another page for promtool")
    return parser.parse_args()


def build_exporter():
    command = ["cargo", "build", "--quiet", "--package", "moheng-metrics", "--example", "exporter"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return os.path.join(ROOT, target, "debug", "examples", "exporter")


def run_exporter(path, word):
    return subprocess.run([path, "--print", word], capture_output=True, check=True).stdout


def start_exporter(path, processes):
    process = subprocess.Popen([path, "0"], stdout=subprocess.PIPE, text=True)
    processes.append(process)
    return process.stdout.readline().strip()


def start_proxy(exporter):
    """Serves one path for each format: whatever Prometheus asks for, the exporter is asked for that one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            accept = FORMATS[self.path.strip("/")]
            request = urllib.request.Request(exporter, headers={"Accept": accept})
            with urllib.request.urlopen(request) as answer:
                body, content_type = answer.read(), answer.headers["Content-Type"]
            try:
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                # Prometheus is being stopped.
                pass

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def start_prometheus(work, features, formats, proxy, exporter, processes):
    directory = tempfile.mkdtemp(dir=work)
    jobs = [(job, urllib.parse.urlsplit(proxy).netloc, f"/{job}") for job in formats]
    jobs.append(("negotiated", urllib.parse.urlsplit(exporter).netloc, "/metrics"))
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n")
        for job, target, path in jobs:
            file.write(f"- {{job_name: {job}, metrics_path: {path}, static_configs: [{{targets: ['{target}']}}]}}\n")
    address = f"127.0.0.1:{free_port()}"
    log = open(os.path.join(directory, "log"), "w", encoding="utf-8")
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
               f"--web.listen-address={address}", f"--enable-feature={features}"]
    processes.append(subprocess.Popen(command, stdout=log, stderr=log))
    server = f"http://{address}"
    deadline = time.time() + 60
    while time.time() < deadline:
        try:
            if len(query(server, "up == 1")) == len(jobs):
                # One more scrape, so that nothing is half there.
                time.sleep(1.5)
                return server
        except OSError:
            pass
        time.sleep(0.5)
    targets = json.loads(fetch(f"{server}/api/v1/targets"))["data"]["activeTargets"]
    for target in targets:
        check(target["health"] == "up", f"{target['labels']['job']}: {target['lastError']}")
    return server


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def query(server, expression):
    parameters = urllib.parse.urlencode({"query": expression})
    return json.loads(fetch(f"{server}/api/v1/query?{parameters}"))["data"]["result"]


def check_with_promtool(arguments, pages):
    texts = {name: page for name, page in pages.items() if name.startswith("text")}
    texts.update((url, fetch(url)) for url in arguments.page)
    for name, page in texts.items():
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
        output = (done.stdout + done.stderr).decode().strip()
        print(f"promtool, {name}: {len(page)} bytes, exit code {done.returncode}")
        check(done.returncode == 0 and not output, f"promtool, {name}: {output}")


def check_names(exporter, pages, printed):
    """Names that are no legacy names: escaped where nothing else was asked for, quoted where it was."""
    accept = "text/plain;version=1.0.0;escaping=allow-utf-8"
    request = urllib.request.Request(exporter, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        quoted = {"escaping=allow-utf-8": answer.read()}
    quoted.update((name, page) for name, page in printed.items() if name.endswith("utf8"))
    escaped = {name: page for name, page in pages.items() if name != "protobuf"}
    for expected, found in [(QUOTED, quoted), (ESCAPED, escaped)]:
        for name, page in found.items():
            check(expected in page.decode().split("\n"), f"{name}: no line {expected}")
    print(f"names: {len(quoted)} pages with quotes, {len(escaped)} without")


def demo_series(page):
    """The constant series of a page in the text format, as a dictionary of frozen label sets."""
    series = {}
    for line in page.split("\n"):
        match = re.fullmatch(r"(demo_[a-z_]+)(?:\{(.*)\})? ([^ ]+)", line)
        if match:
            name, labels, value = match.groups()
            pairs = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")
            labels = {label: unescape(text) for label, text in pairs}
            series[key({"__name__": name, **labels})] = float(value)
    return series


def unescape(text):
    return re.sub(r"\\(.)", lambda match: "\n" if match.group(1) == "n" else match.group(1), text)


def key(labels):
    """Labels without those of the target; bounds of buckets are written as floats by some formats."""
    kept = {name: value for name, value in labels.items() if name not in ("job", "instance")}
    if "le" in kept:
        kept["le"] = str(float(kept["le"]))
    return frozenset(kept.items())


def stored_series(server, job):
    result = query(server, f'{{job="{job}",__name__=~"demo_.*"}}')
    stored = {key(row["metric"]): row for row in result}
    is_created = lambda labels: dict(labels)["__name__"].endswith("_created")
    created = [row for labels, row in stored.items() if is_created(labels)]
    stored = {labels: row for labels, row in stored.items() if not is_created(labels)}
    return stored, created


def check_values(server, jobs, expected):
    for job in jobs:
        stored, created = stored_series(server, job)
        print(f"{job}: {len(stored)} of {len(expected)} series, {len(created)} start times")
        for labels in expected.keys() ^ stored.keys():
            check(False, f"{job}: only on one side: {sorted(labels)}")
        for labels in expected.keys() & stored.keys():
            value = float(stored[labels]["value"][1])
            check(value == expected[labels], f"{job}: {sorted(labels)}: {value} for {expected[labels]}")
        is_openmetrics = job.startswith("openmetrics") or job == "negotiated"
        check(len(created) == (STARTS if is_openmetrics else 0), f"{job}: {len(created)} start times")
        for row in created:
            age = time.time() - float(row["value"][1])
            check(0 <= age < 600, f"{job}: started {age} s ago")
        if is_openmetrics:
            check_exemplar(server, job, "demo_sizes_bytes_bucket", 7)
            check_exemplar(server, job, "demo_failures_total", 1)


def check_exemplar(server, job, name, value):
    parameters = urllib.parse.urlencode(
        {"query": f'{name}{{job="{job}"}}', "start": time.time() - 600, "end": time.time() + 60})
    found = json.loads(fetch(f"{server}/api/v1/query_exemplars?{parameters}"))["data"]
    exemplars = [exemplar for row in found for exemplar in row["exemplars"]]
    is_right = [exemplar["labels"] == {"trace_id": TRACE} and float(exemplar["value"]) == value for exemplar in exemplars]
    print(f"{job}: {name}: {len(exemplars)} exemplar(s)")
    check(is_right and all(is_right), f"{job}: {name}: exemplars {exemplars}")


def check_metadata(server):
    result = json.loads(fetch(f"{server}/api/v1/targets/metadata?limit=100000"))["data"]
    for row in result:
        if row["metric"] in METADATA:
            job = row["target"]["job"]
            kind, text, unit = METADATA[row["metric"]]
            unit = unit if job.startswith("openmetrics") or job == "negotiated" else ""
            actual = (row["type"], row["help"], row["unit"])
            check(actual == (kind, text, unit), f"{job}: {row['metric']}: {actual}")
    print(f"metadata: {sum(row['metric'] in METADATA for row in result)} entries")


def check_native(server, expected):
    is_part = lambda labels: dict(labels)["__name__"].startswith("demo_sizes_bytes")
    others = {labels: value for labels, value in expected.items() if not is_part(labels)}
    for job in ["protobuf", "negotiated"]:
        stored, _ = stored_series(server, job)
        histograms = {dict(labels)["side"]: row for labels, row in stored.items() if "histogram" in row}
        numbers = {labels: row for labels, row in stored.items() if "value" in row}
        print(f"{job}: {len(numbers)} of {len(others)} numbers, {len(histograms)} native histograms")
        for labels in others.keys() ^ numbers.keys():
            check(False, f"{job}: only on one side: {sorted(labels)}")
        for labels in others.keys() & numbers.keys():
            value = float(numbers[labels]["value"][1])
            check(value == others[labels], f"{job}: {sorted(labels)}: {value} for {others[labels]}")
        check(histograms.keys() == OBSERVATIONS.keys(), f"{job}: histograms {sorted(histograms)}")
        for side, row in histograms.items():
            check_buckets(f"{job}, {side}", row["histogram"][1], OBSERVATIONS[side])
        check_exemplar(server, job, "demo_sizes_bytes", 7)
        check_exemplar(server, job, "demo_failures_total", 1)


def check_buckets(name, histogram, observations):
    check(float(histogram["count"]) == len(observations), f"{name}: count {histogram['count']}")
    check(float(histogram["sum"]) == sum(observations), f"{name}: sum {histogram['sum']}")
    total = 0
    for rule, lower, upper, count in histogram["buckets"]:
        lower, upper = float(lower), float(upper)
        # 0: open below, 1: open above, 2: open at both ends, 3: at none.
        above = {0: lambda value: value > lower, 1: lambda value: value >= lower,
                 2: lambda value: value > lower, 3: lambda value: value >= lower}[rule]
        below = {0: lambda value: value <= upper, 1: lambda value: value < upper,
                 2: lambda value: value < upper, 3: lambda value: value <= upper}[rule]
        inside = sum(1 for value in observations if above(value) and below(value))
        total += inside
        check(float(count) == inside, f"{name}: {count} in {lower} to {upper}, {inside} were observed")
    print(f"{name}: {len(histogram['buckets'])} buckets")
    check(total == len(observations), f"{name}: {total} observations in buckets")


if __name__ == "__main__":
    sys.exit(main())
