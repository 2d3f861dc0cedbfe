"""The two servers: a data directory for each, started, asked, stopped."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse

CONFIG = "global:\n  evaluation_interval: 1m\n"


class Server:
    """A process that answers Prometheus's HTTP API."""

    def __init__(self, name, command, work, port):
        self.name, self.port = name, port
        with open(os.path.join(work, f"{name}.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=work)
        self.connection = None

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended by itself; see its log")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/-/ready")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{self.name} does not get ready")

    def ask(self, path, parameters):
        """The decoded answer."""
        body = urllib.parse.urlencode(parameters)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for is_last in (False, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=150)
                self.connection.request("POST", f"/api/v1/{path}", body, headers)
                return json.loads(self.connection.getresponse().read())
            except (http.client.HTTPException, ConnectionError):
                self.connection = None
                if is_last:
                    raise
        return None

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start(arguments, work, lines):
    """Both servers over the same samples: (prometheus, moheng)."""
    ours, theirs = os.path.join(work, "moheng"), os.path.join(work, "prometheus")
    text = "".join(line + "\n" for line in lines)
    subprocess.run([arguments.ingest, ours], input=text.encode(), check=True, stdout=subprocess.DEVNULL)
    shutil.copytree(ours, theirs)
    config = os.path.join(work, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG)
    shared = [f"--config.file={config}", "--storage.tsdb.retention.time=10y"]
    ports = free_ports(2)
    peer = [arguments.prometheus, *shared, f"--storage.tsdb.path={theirs}", f"--web.listen-address=127.0.0.1:{ports[0]}"]
    own = [arguments.moheng, "run", *shared, f"--storage.tsdb.path={ours}", f"--web.listen-address=127.0.0.1:{ports[1]}"]
    if arguments.has_smoothing:
        own.append("--enable-feature=promql-experimental-functions")
    servers = []
    try:
        servers.append(Server("prometheus", peer, work, ports[0]))
        servers.append(Server("moheng", own, work, ports[1]))
        for server in servers:
            server.wait_ready()
    except BaseException:
        for server in servers:
            server.stop()
        raise
    return servers


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
