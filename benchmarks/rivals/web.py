"""nginx to curl: a plain copy over HTTP, or one over HTTPS, which nobody checks."""

from __future__ import annotations

import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.stage import Stage, until
from benchmarks.timing import Contender, Sample
from tests.processes.daemons import free_port, sha256

NAME = "nginx to curl"
NAME_WITH_TLS = "nginx with TLS to curl"
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
        listen 127.0.0.1:{port}{tls};
        root {root};
    }}
}}
"""


# What members of a private swarm use too.
_CIPHER = "TLS_AES_128_GCM_SHA256"
_TLS = """ ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate {certificate};
        ssl_certificate_key {key}"""


def contender(stage: Stage, original: Path, with_tls: bool = False) -> Contender:
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
    certificate = folder / "certificate.pem"
    tls = _TLS.format(certificate=certificate, key=_certify(certificate)) if with_tls else ""
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, root=original.parent, tls=tls)
    )
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
    if with_tls:
        fetch += ["--cacert", str(certificate), "--tls13-ciphers", _CIPHER]
    scheme = "https" if with_tls else "http"
    fetch.append(f"{scheme}://127.0.0.1:{port}/{original.name}")

    def run() -> Sample:
        copy.unlink(missing_ok=True)
        return stage.measure(lambda: subprocess.run(fetch, check=True))

    def check() -> None:
        if sha256(copy) != sha256(original):
            raise BenchmarkFailed("curl fetched something else than there was.")

    return Contender(NAME_WITH_TLS if with_tls else NAME, run, check)


def _certify(certificate: Path) -> Path:
    """Write a certificate for this machine, and its key; returns where that is."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nginx")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, None)
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    path = certificate.with_name("key.pem")
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path
