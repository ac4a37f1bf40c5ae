"""Authorities and members for these tests: each from a seed, at a time of their own."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from p2pfs.identity import PeerKey
from p2pfs.membership import Authority, Role
from p2pfs.membership.certificates import SigningKey, key_usage

NOW = 1_800_000_000.0
DAY = 24 * 3600.0
KEY = PeerKey.from_seed(bytes(range(32)))


def authority(directory: Path, seed: int = 1, now: float = NOW) -> Authority:
    """A new authority in that directory; the same seed makes the same one."""
    return Authority.create(directory, Random(seed).randbytes, lambda: now)


def issued(
    by: Authority,
    name: str = "gpu-17",
    role: Role = Role.PUBLISHER,
    patterns: tuple[str, ...] = ("models/*",),
    now: float = NOW,
) -> x509.Certificate:
    """A member's certificate."""
    return by.issue(KEY.public, name, role, patterns, now)


def signed(
    name: str,
    key: SigningKey,
    issuer: tuple[str, SigningKey],
    *extensions: tuple[x509.ExtensionType, bool],
    days: int = 3000,
) -> x509.Certificate:
    """Any certificate, as a company may have it."""
    begin = datetime.fromtimestamp(NOW, UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(issuer[0]))
        .public_key(key.public_key())
        .serial_number(17)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    plain = isinstance(issuer[1], Ed25519PrivateKey)
    return builder.sign(issuer[1], None if plain else hashes.SHA256())


def common_name(name: str) -> x509.Name:
    """A subject or an issuer."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


CA = (x509.BasicConstraints(ca=True, path_length=None), True)
CA_USAGE = (key_usage(key_cert_sign=True, crl_sign=True), True)


def company(directory: Path, *, root_days: int = 3000) -> tuple[Authority, x509.Certificate]:
    """An authority below a company's root, with keys on P-256; and that root."""
    root_key = generate_private_key(SECP256R1())
    key = generate_private_key(SECP256R1())
    root = signed("root", root_key, ("root", root_key), CA, CA_USAGE, days=root_days)
    below = signed("p2pfs at work", key, ("root", root_key), CA, CA_USAGE)
    write_files(directory, key, below, root)
    return Authority.load(directory, Random(5).randbytes), root


def write_files(directory: Path, key: SigningKey, *chain: x509.Certificate) -> None:
    """An authority's directory as somebody brings it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "key.pem").write_bytes(pem)
    (directory / "key.pem").chmod(0o600)
    (directory / "certificate.pem").write_bytes(chain[0].public_bytes(Encoding.PEM))
    if chain[1:]:
        above = b"".join(each.public_bytes(Encoding.PEM) for each in chain[1:])
        (directory / "chain.pem").write_bytes(above)
