"""What OpenSSL is told: TLS 1.3 and nothing else, one authority, and what this side shows."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL.crypto import X509, X509StoreFlags
from OpenSSL.SSL import Connection, Context
from twisted.internet.ssl import CertificateOptions, TLSVersion

CIPHERS = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
"""The ciphers of TLS 1.3, fastest first where the processor has instructions for AES."""

_PRIORITIZE_CHACHA = 1 << 21
"""``SSL_OP_PRIORITIZE_CHACHA``: the listening side chooses, but a side without AES has its way."""

CHAIN_DEPTH = 4
"""Certificates between a member's and the authority's, at the most."""


@dataclass(frozen=True)
class Credentials:
    """What a member shows, and proves to have."""

    key: Ed25519PrivateKey
    chain: tuple[x509.Certificate, ...]
    """Its certificate, and those above it that others may lack."""


class ConnectionMaker:
    """Makes the TLS side of connections, all from the same context."""

    def __init__(
        self,
        authority: x509.Certificate,
        credentials: Credentials | None,
        is_optional: bool,
        has_aes: bool | None = None,
    ) -> None:
        """Trust that ``authority`` only. When ``is_optional``, the other side need not show
        anything; what it shows is verified all the same. Whether this machine ``has_aes`` is
        looked up, if it is not told."""
        options = CertificateOptions(
            verify=True,
            caCerts=[X509.from_cryptography(authority)],
            requireCertificate=not is_optional,
            verifyDepth=CHAIN_DEPTH,
            raiseMinimumTo=TLSVersion.TLSv1_3,
        )
        self._context: Context = options.getContext()
        # pyOpenSSL takes these as they are; by way of the options they would have to be wrapped.
        if credentials is not None:
            self._context.use_certificate(credentials.chain[0])
            self._context.use_privatekey(credentials.key)
            for above in credentials.chain[1:]:
                self._context.add_extra_chain_cert(above)
        prefers_aes = machine_has_aes() if has_aes is None else has_aes
        ciphers = CIPHERS if prefers_aes else CIPHERS[::-1]
        self._context.set_tls13_ciphersuites(":".join(ciphers).encode())
        self._context.set_options(_PRIORITIZE_CHACHA)
        self._context.set_verify(self._context.get_verify_mode(), _verify)
        store = self._context.get_cert_store()
        assert store is not None
        # The authority may be an intermediate one, whose own superior is nobody's business here.
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)

    def make(self, handle: socket.socket | None, is_client: bool) -> Connection:
        """The TLS side of a new connection, over a socket or over memory."""
        connection = Connection(self._context, handle)
        if is_client:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection


def machine_has_aes(description: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions for AES, as those of today have."""
    try:
        return "aes" in description.read_text().split()
    except OSError:
        return True  # no Linux: a machine of a kind that has them


def _verify(connection: Connection, certificate: X509, error: int, depth: int, ok: int) -> bool:
    """Note what OpenSSL found; for every connection of a context, so none has a callback.

    A connection's application data is an object with a ``verify_error``.
    """
    if not ok:
        connection.get_app_data().verify_error = error
    return bool(ok)
