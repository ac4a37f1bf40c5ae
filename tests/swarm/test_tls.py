"""TLS between peers and tracker, by nothing but endpoint strings."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_twisted import ensureDeferred

from tests.swarm.harness import MIB, Swarm, download, publish, sha256


def self_signed(directory: Path) -> Path:
    """A key and certificate for localhost in one file, the only one in a new directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    directory.mkdir()
    path = directory / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@ensureDeferred
async def test_a_tracker_behind_tls(tmp_path: Path) -> None:
    """Peers join and find each other over an encrypted connection, which is kept alive too."""
    certificate = self_signed(tmp_path / "trusted")
    swarm = Swarm(tmp_path)
    tracker = swarm.start_tracker(listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}"])
    endpoint = f"tls:localhost:{swarm.port}:trustRoots={certificate.parent}"
    source = await swarm.peer("a", tracker=endpoint)
    fetcher = await swarm.peer("b", tracker=endpoint)
    path = swarm.file("x.bin", 3 * MIB)
    await publish(source, path)
    await download(fetcher, "x.bin", tmp_path / "copy")
    assert sha256(tmp_path / "copy") == sha256(path)
    for connection in tracker.tracker.factory.connections:
        plain = connection.transport.transport.getHandle()
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 60
    await swarm.stop_all()
