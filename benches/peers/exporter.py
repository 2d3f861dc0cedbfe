#!/usr/bin/env python3
"""What a scrape of `moheng-cli exporter host` costs beside Debian's Node Exporter, both with their default collectors.

Run by hand; needs prometheus-node-exporter in PATH (Debian: apt install prometheus-node-exporter):

    cargo build --release -p moheng-cli
    python3 benches/peers/exporter.py [--scrapes 200] [--gzip] [--moheng PATH_OF_MOHENG_CLI]

Both run at the same time and are scraped in turn over one connection each, as Prometheus does; `--gzip` asks for compressed
pages, as Prometheus does too. Processor time is that of the whole process after ten scrapes to warm up.
"""

import argparse
import gzip
import http.client
import os
import socket
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FLOORS = {"CPU ms per scrape": 0.35, "resident KiB": 0.5}
WARM_UP_SCRAPES = 10


class Exporter:
    def __init__(self, *command):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.wall_ms, self.page = [], b""
        for _ in range(100):
            try:
                self.connection.connect()
                return
            except ConnectionError:
                time.sleep(0.1)
        sys.exit(f"{command[0]} does not listen")

    def scrape(self, headers):
        begin = time.perf_counter()
        self.connection.request("GET", "/metrics", headers=headers)
        response = self.connection.getresponse()
        self.page = response.read()
        self.wall_ms.append((time.perf_counter() - begin) * 1000)
        if response.status != 200:
            sys.exit(f"{self.process.args[0]}: {response.status}")
        self.encoding = response.getheader("Content-Encoding", "identity")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(field + ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scrapes", type=int, default=200)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--moheng", default=os.path.join(ROOT, "target", "release", "moheng-cli"))
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    arguments = parser.parse_args()
    headers = {"Accept-Encoding": "gzip" if arguments.gzip else "identity", "X-Prometheus-Scrape-Timeout-Seconds": "10"}
    exporters = []
    try:
        exporters.append(Exporter(arguments.node_exporter))
        exporters.append(Exporter(arguments.moheng, "exporter", "host"))
        report(*measure(exporters, arguments.scrapes, headers))
    finally:
        for exporter in exporters:
            exporter.process.terminate()
            exporter.process.wait(20)


def measure(exporters, scrapes, headers):
    for _ in range(WARM_UP_SCRAPES):
        for exporter in exporters:
            exporter.scrape(headers)
    begin = [exporter.processor_seconds() for exporter in exporters]
    for number in range(scrapes):
        for exporter in exporters if number % 2 else exporters[::-1]:
            exporter.scrape(headers)
    for exporter, before in zip(exporters, begin):
        page = gzip.decompress(exporter.page) if exporter.encoding == "gzip" else exporter.page
        wall = sorted(exporter.wall_ms[WARM_UP_SCRAPES:])
        yield {
            "CPU ms per scrape": (exporter.processor_seconds() - before) * 1000 / scrapes,
            "wall ms per scrape, median": wall[len(wall) // 2],
            "resident KiB": exporter.status("VmRSS"),
            "of that not of files, KiB": exporter.status("RssAnon"),
            "of that of files, KiB": exporter.status("RssFile"),
            "threads": exporter.status("Threads"),
            "bytes sent per page": len(exporter.page),
            "samples per page": sum(not line.startswith(b"#") for line in page.splitlines()),
        }


def number(value):
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"


def report(peer, ours):
    print("| what | Node Exporter | moheng | ratio | floor |\n|---|---|---|---|---|")
    for name, theirs in peer.items():
        ratio = ours[name] / theirs
        floor = FLOORS.get(name)
        shown = f"**{ratio:.2f}**" if floor and ratio > floor else f"{ratio:.2f}"
        print(f"| {name} | {number(theirs)} | {number(ours[name])} | {shown} | {floor or ''} |")


if __name__ == "__main__":
    main()
