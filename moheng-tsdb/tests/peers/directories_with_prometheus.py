#!/usr/bin/env python3
"""Data directories mean the same here and to Prometheus, whoever wrote them, and go back and forth.

Run by hand; needs prometheus and promtool 2.42 or later in PATH (Debian: apt install prometheus) and cargo:

    python3 moheng-tsdb/tests/peers/directories_with_prometheus.py [--only CASE ...] [--list] [--keep]

Floats are compared by what `promtool tsdb dump` and `moheng-cli tsdb dump` print, line for line. Native histograms, which promtool
2.42 leaves out, and exemplars are compared by what both servers answer over HTTP on copies of the directory. Servers listen on
127.0.0.1 only.
"""

import argparse
import contextlib
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
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
EVERYTHING = '{__name__=~".+"}'
COMPLAINTS = ("corrupt", "damage", "unknown series", "unknown_ref", "out of sequence", "invalid")


class Difference(Exception):
    """The two sides do not see the same."""


def run(*command, expect=0):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise Difference(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    return done.stdout


def build(package, *what):
    message = run("cargo", "build", "--release", "-p", package, *what, "--message-format=json",
                  "--manifest-path", os.path.join(ROOT, "Cargo.toml"))
    name = what[-1] if what else package
    for line in message.splitlines():
        artifact = json.loads(line)
        if artifact.get("target", {}).get("name") == name and artifact.get("executable"):
            return artifact["executable"]
    sys.exit(f"cargo built no {name}")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(what, attempt, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = attempt()
        if found:
            return found
        time.sleep(0.1)
    raise Difference(f"waited too long for {what}")


# What is scraped.

class Page:
    """A page that changes with each scrape: counters with exemplars, series that come and go, odd labels, late samples."""

    def __init__(self, has_late=False, has_exemplars=False, series=12):
        self.scrapes, self.has_late, self.has_exemplars, self.series = 0, has_late, has_exemplars, series
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,), {"do_GET": lambda request: self.answer(request),
                                                                          "log_message": lambda *_: None})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self):
        count = self.scrapes
        lines = []
        for number in range(self.series):
            trace = f' # {{trace_id="{number}-{count}"}} {count / 8}' if self.has_exemplars and number < 3 else ""
            lines += [f"# TYPE seen_{number} counter",
                      f'seen_{number}_total{{odd="ü \\"\\\\ \\n",path="/{number}"}} {count * (number + 1)}{trace}']
        lines.append("# TYPE value gauge")
        for number, value in enumerate([count / 7, 1e6 * count, -0.0, 1e-7 * count, 5e-324, 1.7e308]):
            lines.append(f'value{{kind="{number}"}} {value!r}')
        for kind in ("NaN", "+Inf", "-Inf"):
            lines.append(f'value{{kind="{kind}"}} {kind}')
        lines += ["# TYPE passing gauge", f'passing{{id="{count // 5}"}} {count}']
        if self.has_late:
            # Every other one is up to a minute and a half older than the one before. No two have the same time: which of them
            # wins is nobody's promise.
            back = count % 2 * (30 + count % 7 * 10 + count * 0.013)
            lines += ["# TYPE late gauge", f"late {count} {time.time() - back:.3f}"]
        return "\n".join(lines + ["# EOF", ""])

    def answer(self, request):
        self.scrapes += 1
        text = self.text()
        kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        if "openmetrics" not in request.headers.get("Accept", ""):
            kind, text = "text/plain; version=0.0.4", plain_text(text)
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            request.wfile.write(text.encode())

    def more(self, scrapes):
        goal = self.scrapes + scrapes
        wait_for(f"{scrapes} scrapes", lambda: self.scrapes >= goal, 30 + scrapes * 2)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def plain_text(text):
    """OpenMetrics as the text format: times in milliseconds, no exemplars, no end."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        parts = line.split(" # ")[0].rsplit("} ", 1)
        series, rest = (parts[0] + "}", parts[1]) if len(parts) == 2 else line.split(" ", 1)
        value, *at = rest.split(" ")
        lines.append(" ".join([series, value] + [str(round(float(seconds) * 1000)) for seconds in at]))
    return "\n".join(lines) + "\n"


# The two servers.

class Server:
    """Either server on a directory, scraping `targets`."""

    def __init__(self, command, path, targets=(), interval="200ms", window=None, flags=()):
        self.address, self.log_path = f"127.0.0.1:{free_port()}", path + ".log"
        config = path + ".yml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n")
            if window:
                file.write(f"storage: {{tsdb: {{out_of_order_time_window: {window}}}}}\n")
            file.write("scrape_configs:\n" if targets else "scrape_configs: []\n")
            for number, target in enumerate(targets):
                file.write(f"- job_name: j{number}\n  static_configs: [{{targets: ['{target}']}}]\n")
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*command, f"--config.file={config}", f"--storage.tsdb.path={path}", f"--web.listen-address={self.address}",
                 "--storage.tsdb.retention.time=100y", "--web.enable-admin-api", *flags], stdout=log, stderr=log)
        wait_for(f"readiness; see {self.log_path}", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8") as log:
                raise Difference(f"the server ended: {log.read()[-1500:]}")
        try:
            urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).close()
            return True
        except OSError:
            return False

    def ask(self, route, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{route}?{query}", timeout=120) as answer:
            return json.load(answer)["data"]

    def post(self, route, **parameters):
        data = urllib.parse.urlencode(parameters, doseq=True).encode()
        urllib.request.urlopen(f"http://{self.address}/api/v1/{route}", data=data, timeout=60).close()

    def samples(self, end_s, selector=EVERYTHING):
        """All samples of ten years, as JSON has them."""
        found = {}
        for series in self.ask("query", query=f"{selector}[10y]", time=end_s)["result"]:
            key = json.dumps(series["metric"], sort_keys=True)
            found[key] = (series.get("values", []), [exactly(sample) for sample in series.get("histograms", [])])
        return found

    def exemplars(self):
        found = {}
        for series in self.ask("query_exemplars", query=EVERYTHING, start=0, end=time.time() + 86400):
            found[json.dumps(series["seriesLabels"], sort_keys=True)] = series["exemplars"]
        return found

    def stop(self, kill=False):
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(kill=True)


def exactly(sample):
    """A histogram of a JSON answer, numbers as numbers: their notation is of no interest."""
    time_s, histogram = sample
    buckets = [[kind, *map(float, rest)] for kind, *rest in histogram.get("buckets") or []]
    return [time_s, float(histogram["count"]), repr(float(histogram["sum"])), buckets]


class Sides:
    """How to run either side."""

    def __init__(self, arguments):
        self.moheng = arguments.moheng or build("moheng-cli")
        self.filler = arguments.filler or build("moheng-tsdb", "--example", "directory")
        self.exporter_program = arguments.exporter or build("moheng-metrics", "--example", "exporter")

    def ours(self, path, targets=(), **options):
        return Server([self.moheng, "run"], path, targets, **options)

    def theirs(self, path, targets=(), **options):
        features = options.pop("features", "exemplar-storage,native-histograms")
        flags = [f"--enable-feature={features}", *options.pop("flags", ())]
        return Server(["prometheus"], path, targets, flags=flags, **options)

    @contextlib.contextmanager
    def exporter(self):
        port = free_port()
        process = subprocess.Popen([self.exporter_program, str(port)], stdout=subprocess.DEVNULL)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(30)


# Comparing.

def first_difference(left, right):
    for number, (one, other) in enumerate(zip(left, right)):
        if one != other:
            return f"at {number}: here {one!r}, there {other!r}"
    return f"{len(left)} here, {len(right)} there: {(left if len(left) > len(right) else right)[min(len(left), len(right))]!r}"


def same_dump(sides, path, what):
    """Both tools print the same of the directory. Returns the lines."""
    floats = [line for line in run(sides.moheng, "tsdb", "dump", path).splitlines() if "{count:" not in line]
    theirs = run("promtool", "tsdb", "dump", path).splitlines()
    if hides_head(path):
        left = iter(floats)
        for line in theirs:
            if line not in left:
                raise Difference(f"{what}: not here, or not in this order: {line}")
        print(f"  {what}: {len(floats)} float samples, of which promtool 2.42 prints {len(theirs)}: not those of memory when a "
              "block of late samples is the newest", flush=True)
        return floats
    if floats != theirs:
        raise Difference(f"{what}: dumps differ {first_difference(floats, theirs)}")
    if not floats:
        raise Difference(f"{what}: nothing there")
    print(f"  {what}: {len(floats)} float samples, the same line for line", flush=True)
    return floats


def hides_head(path):
    """Whether a block of late samples ends behind all others. promtool 2.42 takes its end for the beginning of memory; Prometheus
    itself does not."""
    ends_ms = {False: 0, True: 0}
    for block in blocks_of(path):
        with open(os.path.join(path, block, "meta.json"), encoding="utf-8") as file:
            meta = json.load(file)
        is_late = "from-out-of-order" in meta["compaction"].get("hints", [])
        ends_ms[is_late] = max(ends_ms[is_late], meta["maxTime"])
    return ends_ms[True] > ends_ms[False]


def copy(path, name):
    target = f"{path}-{name}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(path, target)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(target, "lock"))
    return target


def same_answers(sides, path, what, window=None, selector=EVERYTHING, exemplars=False, features=None):
    """Both servers answer the same of copies of the directory. Returns our samples."""
    end_s = time.time() + 3600
    found = []
    for name, start in (("ours", sides.ours), ("theirs", sides.theirs)):
        options = {"features": features} if features and name == "theirs" else {}
        with start(copy(path, name), window=window, **options) as server:
            found.append((server.samples(end_s, selector), server.exemplars() if exemplars else {}))
            with open(server.log_path, encoding="utf-8") as log:
                complaints = [line for line in log if any(word in line.lower() for word in COMPLAINTS)]
            if complaints:
                raise Difference(f"{what}: {name} complains: {''.join(complaints[:3])}")
    (ours, our_exemplars), (theirs, their_exemplars) = found
    for key in sorted(ours.keys() | theirs.keys()):
        for kind in (0, 1):
            one, other = (side.get(key, ([], []))[kind] for side in (ours, theirs))
            if one != other:
                raise Difference(f"{what}: {key} {'floats histograms'.split()[kind]} {first_difference(one, other)}")
    for key in our_exemplars.keys() | their_exemplars.keys():
        one, other = our_exemplars.get(key, []), their_exemplars.get(key, [])
        # A restarted Prometheus forgets those that are older than its memory.
        if other != one[len(one) - len(other):] or not other:
            raise Difference(f"{what}: exemplars of {key}: here {str(one[-3:])}, there {str(other[-3:])}")
    counts = [sum(len(series[kind]) for series in ours.values()) for kind in (0, 1)]
    total = sum(map(len, our_exemplars.values()))
    print(f"  {what}: {counts[0]} floats, {counts[1]} histograms, {total} exemplars answered, the same", flush=True)
    return ours, our_exemplars


def content_tools(sides, path, what):
    """promtool lists and analyzes the blocks, and we list them alike. Returns their levels."""
    for flags in ([], ["-r"]):
        theirs, ours = (run(*tool, "tsdb", "list", *flags, path) for tool in (["promtool"], [sides.moheng]))
        if ours != theirs:
            raise Difference(f"{what}: lists differ:\n{ours}\n{theirs}")
    levels = []
    for block in blocks_of(path):
        if "Postings entries" not in run("promtool", "tsdb", "analyze", path, block):
            raise Difference(f"{what}: promtool does not analyze {block}")
        with open(os.path.join(path, block, "meta.json"), encoding="utf-8") as file:
            levels.append(json.load(file)["compaction"]["level"])
    print(f"  {what}: {len(levels)} blocks of levels {sorted(levels)}, promtool is content", flush=True)
    return levels


def blocks_of(path):
    return sorted(name for name in os.listdir(path) if len(name) == 26)


def expect(condition, what):
    if not condition:
        raise Difference(f"the case is not what it should be: {what}")


def uvarint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position, value, shift = position + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, position


def chunk_encodings(path):
    """The encodings of all chunks in blocks, and in chunks_head."""
    found = set()
    for block in blocks_of(path):
        for name in os.listdir(os.path.join(path, block, "chunks")):
            with open(os.path.join(path, block, "chunks", name), "rb") as file:
                data = file.read()
            position = 8
            while position < len(data):
                length, position = uvarint(data, position)
                found.add(data[position])
                position += 1 + length + 4
    for name in os.listdir(os.path.join(path, "chunks_head")):
        with open(os.path.join(path, "chunks_head", name), "rb") as file:
            data = file.read()
        position = 8
        while position + 24 < len(data) and data[position + 24]:
            found.add(data[position + 24] & 127)
            length, position = uvarint(data, position + 25)
            position += length + 4
    return found


def first_byte(compressed):
    """The first byte of what snappy compressed: behind the length comes the tag of a literal, whose own length may follow."""
    _, position = uvarint(compressed, 0)
    expect(compressed[position] & 3 == 0, "snappy begins with a literal")
    return compressed[position + 1 + max(0, (compressed[position] >> 2) - 59)]


def record_types(path):
    """The types of all records in logs and checkpoints."""
    found = set()
    for folder, _, names in os.walk(path):
        if not any(part in ("wal", "wbl") for part in os.path.relpath(folder, path).split(os.sep)):
            continue
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            position, record = 0, b""
            while position + 7 <= len(data):
                kind, length = data[position], int.from_bytes(data[position + 1:position + 3], "big")
                rest_of_page = 32768 - position % 32768
                if rest_of_page < 7 or kind & 7 == 0:
                    position += rest_of_page
                    continue
                expect(kind & 16 == 0, "no compression by zstd")
                fragment = data[position + 7:position + 7 + length]
                record = fragment if kind & 7 in (1, 2) else record + fragment
                position += 7 + length
                if kind & 7 in (1, 4):
                    found.add(first_byte(record) if kind & 8 else record[0])
    return found


# Directories of Prometheus.

def killed_head(sides, path):
    """A live log with an open head, after kill -9; also read while Prometheus runs."""
    page = Page()
    with sides.theirs(path, [page.address]) as server:
        page.more(20)
        run(sides.moheng, "tsdb", "dump", path)
        run(sides.moheng, "tsdb", "list", path)
        page.more(20)
        server.stop(kill=True)
    page.stop()
    before = sorted(os.listdir(path))
    same_dump(sides, path, "killed")
    expect(sorted(os.listdir(path)) == before, "dumping changes nothing")
    same_answers(sides, path, "killed")


def block_levels(sides, path):
    """Blocks of several levels beside a head, written by a Prometheus with short blocks."""
    page = Page()
    with sides.theirs(path, [page.address], flags=SHORT_BLOCKS) as server:
        wait_for("a block of level 2", lambda: any(level > 1 for level in levels_of(path)), 120)
        page.more(10)
        server.stop(kill=True)
    page.stop()
    levels = content_tools(sides, path, "short blocks")
    expect(max(levels) > 1, "several levels")
    same_dump(sides, path, "short blocks")


SHORT_BLOCKS = ("--storage.tsdb.min-block-duration=8s", "--storage.tsdb.max-block-duration=3m")


def levels_of(path):
    levels = []
    for block in blocks_of(path):
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(path, block, "meta.json"), encoding="utf-8") as file:
                levels.append(json.load(file)["compaction"]["level"])
    return levels


def late_samples(sides, path):
    """Out-of-order samples in the wbl of a killed Prometheus."""
    page = Page(has_late=True)
    with sides.theirs(path, [page.address], window="10m") as server:
        page.more(60)
        server.stop(kill=True)
    page.stop()
    expect(os.listdir(os.path.join(path, "wbl")), "there is a wbl")
    ours, _ = same_answers(sides, path, "late samples", window="10m")
    late = next(series for key, series in ours.items() if '"late"' in key)
    expect(len(late[0]) > 50, f"late samples were taken, {len(late[0])}")
    same_dump(sides, path, "late samples")


def late_blocks(sides, path):
    """Out-of-order samples that Prometheus moved to blocks, which may overlap others."""
    page = Page(has_late=True)
    with sides.theirs(path, [page.address], window="10m", flags=SHORT_BLOCKS) as server:
        wait_for("blocks", lambda: len(blocks_of(path)) >= 4 or max(levels_of(path), default=0) > 1, 120)
        page.more(10)
        server.stop(kill=True)
    page.stop()
    content_tools(sides, path, "late samples in blocks")
    same_dump(sides, path, "late samples in blocks")


def deletions(sides, path):
    """Tombstones of the admin API, in blocks and in the log of a killed Prometheus."""
    page = Page()
    with sides.theirs(path, [page.address], flags=SHORT_BLOCKS) as server:
        wait_for("blocks", lambda: len(blocks_of(path)) >= 2, 120)
        server.post("admin/tsdb/delete_series", **{"match[]": "seen_1_total"})
        server.post("admin/tsdb/delete_series", **{"match[]": 'value{kind=~"[0-3]"}', "end": time.time() - 6})
        page.more(10)
        server.post("admin/tsdb/delete_series", **{"match[]": ["seen_2_total", "up"], "start": time.time() - 1})
        page.more(5)
        server.stop(kill=True)
    page.stop()
    expect(any(os.path.getsize(os.path.join(path, block, "tombstones")) > 9 for block in blocks_of(path)), "tombstones")
    same_dump(sides, path, "deletions")
    same_answers(sides, path, "deletions")


def exemplars(sides, path):
    """Exemplars in the log."""
    page = Page(has_exemplars=True)
    with sides.theirs(path, [page.address]) as server:
        page.more(25)
        server.stop(kill=True)
    page.stop()
    _, found = same_answers(sides, path, "exemplars", exemplars=True)
    expect(sum(map(len, found.values())) > 50, "there are exemplars")
    same_dump(sides, path, "exemplars")


def histograms(sides, path):
    """Native histograms scraped as protobuf, in head and blocks."""
    with sides.exporter() as address:
        with sides.theirs(path, [address], flags=SHORT_BLOCKS) as server:
            wait_for("blocks", lambda: len(blocks_of(path)) >= 2, 120)
            time.sleep(2)
            server.stop(kill=True)
    ours, _ = same_answers(sides, path, "native histograms")
    expect(sum(len(series[1]) for series in ours.values()) > 50, "there are histograms")
    same_dump(sides, path, "beside native histograms")


def clean_end(sides, path):
    """A Prometheus that was told to end and left a snapshot of its memory."""
    page = Page()
    with sides.theirs(path, [page.address], features="memory-snapshot-on-shutdown") as server:
        page.more(30)
        server.stop()
    page.stop()
    expect(any(name.startswith("chunk_snapshot") for name in os.listdir(path)), "there is a snapshot of memory")
    same_dump(sides, path, "after a clean end")
    same_answers(sides, path, "after a clean end")


def snapshot_log(path, side, **options):
    """What a server of this side logs about snapshots when it starts on a copy of the directory."""
    with side(copy(path, "snapshot"), **options) as server:
        server.stop(kill=True)
        with open(server.log_path, encoding="utf-8") as log:
            return [line for line in log if "snapshot" in line.lower() or "restored_series" in line]


def snapshots_go_over(sides, path):
    """A snapshot of memory that either side wrote when it ended is used by the other."""
    for round_number, start in enumerate((sides.ours, sides.theirs, sides.ours)):
        page = Page(series=6)
        features = {} if start == sides.ours else {"features": "memory-snapshot-on-shutdown"}
        with start(path, [page.address], **features) as server:
            page.more(130)
            server.stop()
        page.stop()
        what = f"snapshot {round_number}"
        expect(any(name.startswith("chunk_snapshot") for name in os.listdir(path)), "there is a snapshot of memory")
        ours = "".join(snapshot_log(path, sides.ours))
        expect(" restored_series=" in ours and " restored_series=0" not in ours, f"{what} is used here: {ours}")
        theirs = "".join(snapshot_log(path, sides.theirs, features="memory-snapshot-on-shutdown"))
        expect("chunk snapshot loading time" in theirs.lower() and "error" not in theirs.lower(),
               f"{what} is used there: {theirs}")
        # With the feature and without it.
        same_answers(sides, path, what)
        same_answers(sides, path, f"{what}, read by Prometheus", features="memory-snapshot-on-shutdown")
        same_dump(sides, path, what)


# Directories written here.

def scraped_here(sides, path):
    """Scraped here, ended once and killed once."""
    page = Page()
    for kill in (False, True):
        with sides.ours(path, [page.address]) as server:
            page.more(25)
            server.stop(kill=kill)
        same_dump(sides, path, "scraped here, " + ("killed" if kill else "ended"))
    page.stop()
    same_answers(sides, path, "scraped here")


def filled_here(sides, path):
    """Days of samples of all kinds: blocks of several levels, mapped chunks, late samples, deletions, exemplars; then a crash."""
    end_ms = int(time.time() * 1000) // 30_000 * 30_000 - 30_000
    run(sides.filler, path, str(end_ms), "40", expect=-6)
    levels = content_tools(sides, path, "filled here")
    expect(len(set(levels)) >= 2, f"several levels, {levels}")
    expect(os.listdir(os.path.join(path, "chunks_head")), "mapped chunks")
    encodings, records = chunk_encodings(path), record_types(path)
    print(f"  filled here: chunk encodings {sorted(encodings)}, record types {sorted(records)}", flush=True)
    expect({1, 2} <= encodings <= {1, 2, 3}, "the encodings that 2.42 reads")
    expect({1, 2, 7} <= records <= {1, 2, 3, 4, 6, 7, 8}, "the records that 2.42 reads")
    ours, found = same_answers(sides, path, "filled here", window="2h", exemplars=True)
    expect(sum(len(series[1]) for series in ours.values()) > 10_000, "histograms")
    expect(found, "exemplars")
    same_dump(sides, path, "filled here")
    return path


def ping_pong(sides, path):
    """A directory goes back and forth; each side appends, and ends or is killed. Nothing is lost or changed on the way."""
    end_ms = int(time.time() * 1000) // 30_000 * 30_000 - 60_000
    run(sides.filler, path, str(end_ms), "20", expect=-6)
    page = Page()
    before = set(same_dump(sides, path, "stop 0, filled here"))
    for stop in range(1, 9):
        is_ours, kill = stop % 2 == 0, stop % 4 in (2, 3)
        start = sides.ours if is_ours else sides.theirs
        with start(path, [page.address], window="2h") as server:
            page.more(15)
            server.stop(kill=kill)
        what = f"stop {stop}, {'here' if is_ours else 'Prometheus'} {'killed' if kill else 'ended'}"
        after = set(same_dump(sides, path, what))
        same_answers(sides, path, what, window="2h")
        lost = sorted(before - after)
        if lost:
            raise Difference(f"{what}: {len(lost)} samples lost, the first is {lost[0]}")
        expect(len(after) > len(before) + 100, "there are new samples")
        before = after
    page.stop()
    content_tools(sides, path, "at the end")


CASES = {case.__name__: case for case in (
    killed_head, block_levels, late_samples, late_blocks, deletions, exemplars, histograms, clean_end, snapshots_go_over,
    scraped_here, filled_here, ping_pong)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="CASE", help="run these cases only")
    parser.add_argument("--list", action="store_true", help="show the cases")
    parser.add_argument("--keep", action="store_true", help="keep the directories")
    parser.add_argument("--moheng", help="the built moheng-cli (default: build it)")
    parser.add_argument("--filler", help="the built example `directory` of moheng-tsdb (default: build it)")
    parser.add_argument("--exporter", help="the built example `exporter` of moheng-metrics (default: build it)")
    arguments = parser.parse_args()
    if arguments.list:
        for name, case in CASES.items():
            print(f"{name}: {case.__doc__}")
        return 0
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not in PATH")
    sides = Sides(arguments)
    root = tempfile.mkdtemp(prefix="moheng-directories-")
    failures = []
    try:
        for name in arguments.only or CASES:
            print(f"{name}: {CASES[name].__doc__}", flush=True)
            path = os.path.join(root, name)
            os.mkdir(path)
            try:
                CASES[name](sides, path)
            except Difference as difference:
                failures.append(name)
                print(f"  FAILED: {difference}", flush=True)
            except (OSError, urllib.error.HTTPError, KeyError, StopIteration):
                failures.append(name)
                print("  FAILED: " + traceback.format_exc(), flush=True)
    finally:
        if arguments.keep:
            print(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)
    print(f"FAILED: {', '.join(failures)}" if failures else "all the same")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
