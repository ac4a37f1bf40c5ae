"""From what OpenSSL says of a handshake that failed to a sentence for people."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed

_VERDICTS = {
    9: "its certificate is not valid yet; check the clocks of both machines",
    10: "its certificate has expired; have it renewed, and check the clocks of both machines",
}
"""By ``X509_V_ERR`` of OpenSSL; with any other, the certificate is not the authority's."""

_STRANGER = "its certificate is not from this swarm's authority; check the address, and the swarm"

_REFUSALS = (
    ("unknown ca", "it does not trust this side's authority; check that both are of one swarm"),
    ("certificate expired", "it says that this side's certificate has expired; have it renewed"),
    ("certificate required", "it lets in members only; join the swarm first"),
    ("protocol version", "it does not speak TLS 1.3; check what listens there"),
    ("unsupported protocol", "it does not speak TLS 1.3; check what listens there"),
    ("alert", "it refused this side's certificate; check that it is valid and of that swarm"),
    ("wrong version number", "it does not speak TLS; check whether its swarm is a private one"),
    ("packet length", "it does not speak TLS; check whether its swarm is a private one"),
    ("record", "it does not speak TLS; check whether its swarm is a private one"),
)
"""What OpenSSL's words for an error contain, and what that means; the first that fits."""

_ENDED = "it closed the connection before it was secure; check what listens there"


_PLAIN = ("wrong version number", "http request")
"""What OpenSSL's words for an error contain when what came first is no TLS of any version."""


def is_plain_text(error: BaseException | None) -> bool:
    """Whether a handshake failed as the other side does not speak TLS."""
    return isinstance(error, SSL.Error) and any(sign in _words(error) for sign in _PLAIN)


def explain(where: str, failure: Failure, verify_error: int) -> HandshakeFailed:
    """Why there is no secure connection to ``where``.

    ``failure`` is what the connection was lost with, ``verify_error`` what the certificate
    there failed by, or 0.
    """
    return failed(where, _reason(failure.value, verify_error))


def failed(where: str, reason: str) -> HandshakeFailed:
    """The error for a reason that is known; ``reason`` has no full stop."""
    return HandshakeFailed(f"There is no secure connection to {where}: {reason.rstrip('.')}.")


def _reason(error: BaseException | None, verify_error: int) -> str:
    if verify_error:
        return _VERDICTS.get(verify_error, _STRANGER)
    if isinstance(error, SSL.Error):
        words = _words(error)
        for sign, meaning in _REFUSALS:
            if sign in words:
                return meaning
    return _ENDED


def _words(error: SSL.Error) -> str:
    return " ".join(str(part).lower() for part in error.args)
