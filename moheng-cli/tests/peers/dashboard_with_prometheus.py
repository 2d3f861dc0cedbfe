#!/usr/bin/env python3
"""How many queries of a dashboard return data here and in Debian's Prometheus with Node Exporter.

Needs python3, Debian's packages prometheus and prometheus-node-exporter, and the JSON of a dashboard such as Node Exporter
Full (grafana.com 1860); listens on 127.0.0.1 only.

    cargo build --release -p moheng-cli
    moheng-cli/tests/peers/dashboard_with_prometheus.py node-exporter-full.json [--more]

`moheng-cli run` scrapes `moheng-cli exporter host`, Prometheus scrapes Node Exporter, both every second with their default
collectors. After a minute each query of the dashboard is asked of both as a range query over that time. Exit code 1 when
moheng answers fewer of them with data, or one with an error. `--more` switches on the collectors that the dashboard's
documentation asks for.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time

from compare_with_prometheus import free_ports, matrix, start, start_prometheus, stop, wait, wait_ready

RATE_INTERVAL = "5s"
MORE = ["--collector.processes", "--collector.interrupts", "--collector.tcpstat"]


def main():
    arguments = parse_arguments()
    with open(arguments.dashboard, encoding="utf-8") as file:
        queries = list(expressions(json.load(file)))
    work = tempfile.mkdtemp(prefix="moheng-dashboard-")
    processes = []
    try:
        return compare(arguments, queries, work, processes)
    finally:
        for process in reversed(processes):
            stop(process)
        shutil.rmtree(work, ignore_errors=True)


def compare(arguments, queries, work, processes):
    node_exporter, host, prometheus, moheng = (f"127.0.0.1:{port}" for port in free_ports(4))
    more = MORE if arguments.more else []
    configs = [config(work, *pair) for pair in (("prometheus", node_exporter), ("moheng", host))]
    processes.append(start(work, "node_exporter", [arguments.node_exporter, f"--web.listen-address={node_exporter}", *more]))
    processes.append(start(work, "host", [arguments.moheng, "exporter", "host", f"--web.listen-address={host}", *more]))
    processes.append(start_prometheus(work, arguments, "prometheus", configs[0], prometheus))
    run = [arguments.moheng, "run", f"--config.file={configs[1]}", f"--storage.tsdb.path={os.path.join(work, 'moheng-data')}",
           f"--web.listen-address={moheng}"]
    processes.append(start(work, "moheng", run))
    for address in (prometheus, moheng):
        wait_ready(address, processes)
    wait(arguments.seconds, processes)

    end_s = int(time.time()) - 1
    start_s = end_s - arguments.seconds + 10
    answered, only_peer, only_ours = [0, 0], [], []
    for query in queries:
        found = []
        for address, instance in ((prometheus, node_exporter), (moheng, host)):
            filled = query.replace("$__rate_interval", RATE_INTERVAL).replace("$node", instance).replace("$job", "node")
            found.append(bool(matrix(address, filled, start_s, end_s, 1)))
        answered = [count + has for count, has in zip(answered, found)]
        if found == [True, False]:
            only_peer.append(query)
        elif found == [False, True]:
            only_ours.append(query)
    for who, list_of in (("Prometheus", only_peer), ("moheng", only_ours)):
        for query in list_of:
            print(f"only {who} has data: {query}")
    print(f"of {len(queries)} queries Prometheus with Node Exporter answers {answered[0]} with data, moheng {answered[1]}")
    return 1 if answered[1] < answered[0] else 0


def expressions(part):
    """All queries below a part of a dashboard."""
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from expressions(one)


def config(work, name, target):
    path = os.path.join(work, f"{name}.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["{target}"]
""")
    return path


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dashboard", help="JSON of the dashboard")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--moheng", default=os.path.join(root, "target", "release", "moheng-cli"))
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
