"""nginx to curl: a plain copy over HTTP, which nobody checks."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.stage import Stage, until
from benchmarks.timing import Contender, Sample
from tests.processes.daemons import free_port, sha256

NAME = "nginx to curl"
PATIENCE = 600
"""Seconds that curl may take."""

# A single process, as the user this runs as: it can read what is in a private directory.
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


def contender(stage: Stage, original: Path) -> Contender:
    """A download by curl; raises `Skipped` where curl or nginx is not installed."""
    curl = shutil.which("curl")
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if curl is None or nginx is None:
        missing = "curl" if curl is None else "nginx"
        raise Skipped(f"{missing} is not installed.")
    folder = stage.directory / "nginx"
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, root=original.parent))
    command = [nginx, "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(configuration)]
    server = stage.program("nginx", command)

    def listening() -> bool:
        if server.poll() is not None:
            raise BenchmarkFailed("nginx did not start.")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listening)
    copy = folder / "copy"
    fetch = [curl, "--silent", "--fail", "--max-time", str(PATIENCE), "--output", str(copy)]
    fetch.append(f"http://127.0.0.1:{port}/{original.name}")

    def run() -> Sample:
        copy.unlink(missing_ok=True)
        return stage.measure(lambda: subprocess.run(fetch, check=True))

    def check() -> None:
        if sha256(copy) != sha256(original):
            raise BenchmarkFailed("curl fetched something else than there was.")

    return Contender(NAME, run, check)
