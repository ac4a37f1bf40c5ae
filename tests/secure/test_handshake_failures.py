"""Sentences for handshakes that failed; those of real ones are tried at the door."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed
from p2pfs.secure.handshake_failures import explain, failed

HERE = "192.0.2.1:6881"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("tlsv1 alert unknown ca", "does not trust this side's authority"),
        ("ssl/tls alert certificate expired", "this side's certificate has expired"),
        ("tlsv13 alert certificate required", "members only"),
        ("tlsv1 alert protocol version", "does not speak TLS 1.3"),
        ("ssl/tls alert bad certificate", "refused this side's certificate"),
        ("wrong version number", "does not speak TLS;"),
        ("packet length too long", "does not speak TLS;"),
        ("something new", "closed the connection"),
    ],
)
def test_what_openssl_says_has_a_meaning(said: str, meaning: str) -> None:
    """One sentence, which says where, what and what to do."""
    error = explain(HERE, Failure(SSL.Error([("SSL routines", "", said)])), 0)
    assert isinstance(error, HandshakeFailed)
    assert meaning in str(error)
    assert HERE in str(error)
    assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("verdict", "meaning"),
    [(9, "not valid yet"), (10, "expired"), (20, "not from this swarm's authority")],
)
def test_a_verdict_outweighs_what_the_connection_was_lost_with(verdict: int, meaning: str) -> None:
    """OpenSSL's error says no more than that the certificate would not do."""
    lost = Failure(SSL.Error([("SSL routines", "", "certificate verify failed")]))
    assert meaning in str(explain(HERE, lost, verdict))


def test_a_connection_that_was_closed() -> None:
    """Neither side said why."""
    assert "closed" in str(explain(HERE, Failure(ConnectionDone()), 0))


def test_one_full_stop() -> None:
    """A reason that is a sentence already gets no second one."""
    assert str(failed(HERE, "no.")) == f"There is no secure connection to {HERE}: no."
