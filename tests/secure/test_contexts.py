"""What OpenSSL is told, seen from what two connections make of each other in memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from OpenSSL import SSL

from p2pfs.secure.contexts import ConnectionMaker, Credentials, machine_has_aes
from tests.secure.certificates import Authority


def made(authority: Authority, credentials: Credentials, is_client: bool) -> SSL.Connection:
    """A connection whose problems can be noted."""
    connection = ConnectionMaker(authority.certificate, credentials, False).make(None, is_client)
    connection.set_app_data(SimpleNamespace(verify_error=0))
    return connection


def shake(client: SSL.Connection, server: SSL.Connection) -> None:
    """A handshake of both; raises what either says."""
    for _ in range(3):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            finally:
                with suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(2**16))


def test_members_shake_hands_by_tls_1_3() -> None:
    """Each has seen the other's certificate."""
    authority = Authority()
    client = made(authority, authority.member("client"), True)
    server = made(authority, authority.member("server"), False)
    shake(client, server)
    assert client.get_protocol_version_name() == "TLSv1.3"
    assert client.get_verified_chain() is not None
    assert server.get_verified_chain() is not None


def test_what_was_wrong_is_noted() -> None:
    """For who has the connection to say it in words."""
    authority = Authority()
    client = made(authority, authority.member("client"), True)
    server = made(authority, Authority().member("server"), False)
    with pytest.raises(SSL.Error, match="certificate verify failed"):
        shake(client, server)
    assert client.get_app_data().verify_error


def test_a_session_is_not_taken_up_again() -> None:
    """Everybody is verified each time: a revocation would not be seen otherwise."""
    authority = Authority()
    maker = ConnectionMaker(authority.certificate, authority.member("client"), False)
    host = ConnectionMaker(authority.certificate, authority.member("server"), False)
    first = maker.make(None, True)
    shake(first, host.make(None, False))
    again, server = maker.make(None, True), host.make(None, False)
    session = first.get_session()
    assert session is not None
    again.set_session(session)
    shake(again, server)
    assert server.get_verified_chain()
    assert again.get_verified_chain()


@pytest.mark.parametrize(
    ("client_has", "server_has", "cipher"),
    [
        (True, True, "TLS_AES_128_GCM_SHA256"),
        (False, True, "TLS_CHACHA20_POLY1305_SHA256"),
        (True, False, "TLS_CHACHA20_POLY1305_SHA256"),
    ],
)
def test_the_cipher_is_one_that_both_machines_are_fast_with(
    client_has: bool, server_has: bool, cipher: str
) -> None:
    """AES is slow without instructions for it, on whichever side."""
    authority = Authority()
    connections = [
        ConnectionMaker(authority.certificate, authority.member(name), False, has).make(None, isit)
        for name, has, isit in (("client", client_has, True), ("server", server_has, False))
    ]
    for connection in connections:
        connection.set_app_data(SimpleNamespace(verify_error=0))
    shake(*connections)
    assert connections[0].get_cipher_name() == cipher


def test_what_a_machine_says_of_itself(tmp_path: Path) -> None:
    """By words, of which "aes" is one; where nothing is said it is a machine of today."""
    description = tmp_path / "cpuinfo"
    assert machine_has_aes(description)
    description.write_text("flags\t\t: fpu vme vaes_not sse2\n")
    assert not machine_has_aes(description)
    description.write_text("Features\t: fp asimd aes pmull\n")
    assert machine_has_aes(description)
