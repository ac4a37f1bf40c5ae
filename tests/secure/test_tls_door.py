"""Who gets through the door of a private swarm, and what becomes of everybody else."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed
from p2pfs.membership import Role
from p2pfs.secure import A_PEER, A_TRACKER, Credentials
from p2pfs.secure.threshold import HANDSHAKE_SECONDS
from p2pfs.secure.tls_door import IN_CLEAR, TlsDoor
from tests.secure.certificates import DAY, Authority
from tests.secure.ends import Keeper, Keepers, Listening, turn

MIB = 2**20


class Stranger(Protocol):
    """Somebody without a door: keeps what comes, and tells when it is closed."""

    def __init__(self, says: bytes = b"") -> None:
        self.says = says
        self.got = bytearray()
        self.came: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.says)

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if not self.came.called:
            self.came.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


async def stranger_at(listening: Listening, says: bytes = b"") -> Stranger:
    """One that has connected, and said that."""
    stranger: Stranger = await listening.endpoint.connect(
        Factory.forProtocol(lambda: Stranger(says))  # type: ignore[arg-type]
    )
    return stranger


async def leave(keeper: Keeper) -> None:
    """Close a connection, and wait until it is."""
    keeper.transport.abortConnection()
    await keeper.lost


@ensureDeferred
async def test_both_sides_know_each_other_before_either_has_the_connection(
    listening: Listening,
) -> None:
    """Whatever the listening side says at once comes through too, behind its welcome."""
    authority = Authority()
    listening.begin(authority, authority.member("server", Role.TRACKER))
    here = await listening.knock(authority, authority.member("client"), A_TRACKER.named("server"))
    (there,) = listening.factory.made
    assert here.member is not None
    assert there.member is not None
    assert (here.member.name, here.member.role) == ("server", Role.TRACKER)
    assert (there.member.name, there.member.role) == ("client", Role.READER)
    here.transport.write(b"a" * MIB)
    there.transport.write(b"b" * MIB)
    assert await there.gets(MIB) == b"a" * MIB
    assert await here.gets(MIB) == b"b" * MIB
    await leave(here)


@ensureDeferred
async def test_data_takes_no_way_of_the_doors(listening: Listening) -> None:
    """Once it is handed over, TLS gives what came to the protocol itself."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    here = await listening.knock(authority, authority.member("client"))
    assert here.transport.protocol is here
    await leave(here)


@pytest.mark.parametrize("fault", ["expired", "not yet", "foreign", "self-signed", "revoked"])
@ensureDeferred
async def test_a_client_that_is_no_member(listening: Listening, fault: str) -> None:
    """It is told why, and no protocol ever learns of it."""
    authority, other = Authority(), Authority()
    shown, words = {
        "expired": (authority.member("x", until=-DAY / 2), "has expired"),
        "not yet": (authority.member("x", since=DAY / 2), "refused this side's certificate"),
        "foreign": (other.member("x"), "refused this side's certificate"),
        "self-signed": (authority.member("x", is_self_signed=True), "authority"),
        "revoked": (authority.member("x"), "x was revoked"),
    }[fault]
    listening.begin(authority, authority.member("server"))
    client = Authority(key=authority.key)  # as the server, but knows of no revocation
    authority.revoked.add("x" if fault == "revoked" else "")
    with pytest.raises(HandshakeFailed) as failed:
        await listening.knock(client, shown)
    assert words in str(failed.value)
    assert not listening.factory.made


@pytest.mark.parametrize("fault", ["expired", "not yet", "foreign", "self-signed", "revoked"])
@ensureDeferred
async def test_a_server_that_is_no_member(listening: Listening, fault: str) -> None:
    """Whoever connects to it leaves, with the reason, before having said anything."""
    authority, other = Authority(), Authority()
    shown, words = {
        "expired": (authority.member("x", until=-DAY / 2), "has expired"),
        "not yet": (authority.member("x", since=DAY / 2), "not valid yet"),
        "foreign": (other.member("x"), "not from this swarm's authority"),
        "self-signed": (authority.member("x", is_self_signed=True), "not from this swarm's"),
        "revoked": (authority.member("x"), "x was revoked"),
    }[fault]
    listening.begin(other if fault == "foreign" else Authority(key=authority.key), shown)
    authority.revoked.add("x" if fault == "revoked" else "")
    with pytest.raises(HandshakeFailed, match=words):
        await listening.knock(authority, authority.member("client"))
    assert not listening.factory.made


@ensureDeferred
async def test_no_certificate(listening: Listening) -> None:
    """The listening side that needs members says that it takes nobody else."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    with pytest.raises(HandshakeFailed, match="lets in members only"):
        await listening.knock(authority, None)
    assert not listening.factory.made


@ensureDeferred
async def test_a_side_that_takes_others_sees_that_they_are_no_members(
    listening: Listening,
) -> None:
    """Who shows nothing is let in as nobody, and is not cut off with members that are none."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"), takes_strangers=True)
    here = await listening.knock(authority, None)
    known = await listening.knock(authority, authority.member("client"))
    [nobody], [somebody] = listening.strangers.made, listening.factory.made
    assert nobody.member is None
    assert somebody.member is not None
    assert not door.keep_only(authority.has)
    here.transport.write(b"join")
    assert await nobody.gets(4) == b"join"
    await leave(here)
    await leave(known)


@ensureDeferred
async def test_what_is_shown_has_to_be_right_also_where_nothing_need_be(
    listening: Listening,
) -> None:
    """A side that takes others too takes no forged member for one of these."""
    authority = Authority()
    listening.begin(authority, authority.member("server"), takes_strangers=True)
    with pytest.raises(HandshakeFailed):
        await listening.knock(authority, Authority().member("client"))
    assert not listening.factory.made
    assert not listening.strangers.made


@ensureDeferred
async def test_another_member_than_the_one_that_was_named(listening: Listening) -> None:
    """A member that takes another's address is left."""
    authority = Authority()
    listening.begin(authority, authority.member("mallory"))
    with pytest.raises(HandshakeFailed, match="it is mallory, and not alice"):
        await listening.knock(authority, authority.member("client"), A_PEER.named("alice"))
    assert not listening.factory.made


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.PUBLISHER, A_TRACKER), (Role.TRACKER, A_PEER)]
)
@ensureDeferred
async def test_a_member_in_anothers_role(
    listening: Listening, role: Role, expected: object
) -> None:
    """A peer that poses as a tracker, and the other way round."""
    authority = Authority()
    listening.begin(authority, authority.member("server", role))
    with pytest.raises(HandshakeFailed, match=f"it is a {role.value}, and not a"):
        await listening.knock(authority, authority.member("client"), expected)  # type: ignore[arg-type]
    assert not listening.factory.made


@ensureDeferred
async def test_an_authority_below_anothers(listening: Listening) -> None:
    """Its own certificate is the root, whoever signed it; others' below the same are foreign."""
    company = Authority("company")
    ours, theirs = Authority("ours", above=company), Authority("theirs", above=company)
    listening.begin(ours, ours.member("server"))
    await leave(await listening.knock(ours, ours.member("client")))
    stranger = theirs.member("stranger")
    chain = (*stranger.chain, theirs.certificate, company.certificate)
    with pytest.raises(HandshakeFailed):
        await listening.knock(ours, Credentials(stranger.key, chain))


@pytest.mark.parametrize("role", ["client", "server"])
@ensureDeferred
async def test_tls_1_2(listening: Listening, tmp_path: Path, role: str) -> None:
    """Nobody who offers no better gets anything, on either side."""
    authority = Authority()
    if role == "client":
        listening.begin(authority, authority.member("server"))
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = SSL.Connection(context)
        client.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            client.do_handshake()
        stranger = await stranger_at(listening, client.bio_read(MIB))
        await stranger.lost
        client.bio_write(bytes(stranger.got))
        with pytest.raises(SSL.Error, match="protocol version"):
            client.do_handshake()
        return
    listening.listen(Factory.forProtocol(lambda: OldServer(authority, tmp_path)))  # type: ignore[arg-type]
    with pytest.raises(HandshakeFailed, match=r"does not speak TLS 1\.3"):
        await listening.knock(authority, authority.member("client"))


class OldServer(Protocol):
    """Speaks TLS 1.2 only, by the standard library's ``ssl``."""

    def __init__(self, authority: Authority, directory: Path) -> None:
        credentials, path = authority.member("server"), directory / "server.pem"
        path.write_bytes(
            credentials.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + credentials.chain[0].public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def dataReceived(self, data: bytes) -> None:
        self.incoming.write(data)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.transport.write(self.outgoing.read())
            self.transport.loseConnection()


@pytest.mark.parametrize("says", [b'{"type": "REQUEST_LIST"}\n', bytes(range(256)) * 300])
@ensureDeferred
async def test_plain_text_and_random_bytes_at_the_door(listening: Listening, says: bytes) -> None:
    """Both are over at once, for whoever listens too."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"))
    stranger = await stranger_at(listening, says)
    await stranger.lost
    assert not listening.factory.made
    assert not door.half_open


@ensureDeferred
async def test_who_speaks_in_clear_is_told_in_clear(listening: Listening) -> None:
    """A peer of an open swarm that is sent to a private tracker can say what is the matter."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    stranger = await stranger_at(listening, b'{"type":"REQUEST_FILE_LIST"}\n' * 20)
    await stranger.lost
    assert json.loads(bytes(stranger.got)) == {
        "type": "ERROR",
        "request": None,
        "message": IN_CLEAR,
    }
    assert bytes(stranger.got).endswith(b"\n")


@ensureDeferred
async def test_plain_text_at_the_other_end(listening: Listening) -> None:
    """A private swarm's peer that is sent to an open one's says what is the matter."""
    listening.listen(Factory.forProtocol(lambda: Stranger(b'{"type": "ERROR"}\n')))  # type: ignore[arg-type]
    authority = Authority()
    with pytest.raises(HandshakeFailed, match="it does not speak TLS; check"):
        await listening.knock(authority, authority.member("client"))


@ensureDeferred
async def test_nobody_at_the_other_end(listening: Listening) -> None:
    """What the endpoint says of that is left as it is."""
    listening.listen(Keepers())
    endpoint = listening.endpoint
    await listening.port.stopListening()  # type: ignore[union-attr,misc]
    authority = Authority()
    door = TlsDoor(reactor, authority.certificate, None, authority.check)
    with pytest.raises(ConnectionRefusedError):
        await door.connect(endpoint, Keepers(), A_PEER)


class SlowTime(Clock):
    """A clock that a test sets, for timers; what TLS does at the reactor's next turn is done so."""

    def callLater(self, delay: float, *args: object, **kwargs: object) -> object:
        if delay == 0:
            return reactor.callLater(0, *args, **kwargs)
        return super().callLater(delay, *args, **kwargs)


@ensureDeferred
async def test_a_handshake_that_never_ends(listening: Listening) -> None:
    """It is ended when its time is up, and not before."""
    authority, time = Authority(), SlowTime()
    door = TlsDoor(time, authority.certificate, authority.member("server"), authority.check)
    listening.listen(door.guard(listening.factory, True))
    endless = await stranger_at(listening, b"\x16\x03\x01\x02\x00\x01")
    # Comes after it, so that one is there for certain.
    await leave(await listening.knock(authority, authority.member("client")))
    time.advance(HANDSHAKE_SECONDS - 1)
    assert door.half_open == 1
    time.advance(1)
    await endless.lost
    assert not door.half_open
    assert not [call for call in time.getDelayedCalls() if call.active()]


@ensureDeferred
async def test_a_server_that_never_answers(listening: Listening) -> None:
    """Whoever connects gets to know that, in time."""
    listening.listen(Factory.forProtocol(Stranger))
    authority, time = Authority(), SlowTime()
    door = TlsDoor(time, authority.certificate, authority.member("x"), authority.check)
    attempt = door.connect(listening.endpoint, Keepers(), A_PEER)
    while not time.getDelayedCalls():
        await turn()
    time.advance(HANDSHAKE_SECONDS)
    with pytest.raises(HandshakeFailed, match="not secure within 10 s"):
        await attempt


@ensureDeferred
async def test_an_attempt_is_given_up(listening: Listening) -> None:
    """To cancel it in the middle of the handshake closes the connection."""
    strangers: list[Stranger] = []

    def make() -> Stranger:
        strangers.append(Stranger())
        return strangers[-1]

    listening.listen(Factory.forProtocol(make))  # type: ignore[arg-type]
    authority = Authority()
    door = TlsDoor(reactor, authority.certificate, authority.member("x"), authority.check)
    attempt = door.connect(listening.endpoint, Keepers(), A_PEER)
    while not strangers:
        await turn()
    await strangers[0].came
    attempt.cancel()
    with pytest.raises(CancelledError):
        await attempt
    await strangers[0].lost


@ensureDeferred
async def test_a_handshake_of_many_bytes(listening: Listening) -> None:
    """What would go on for ever is ended by how much it is."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"))
    # Handshake records of a message that says it is 16 MiB long, as a hello may not be.
    record = b"\x16\x03\x03\x40\x00" + b"\x01\xff\xff\xff" + bytes(2**14 - 4)
    stranger = await stranger_at(listening, record * 16)
    await stranger.lost
    assert not door.half_open


@ensureDeferred
async def test_many_half_open_handshakes(listening: Listening) -> None:
    """They are a bounded number, of which the oldest make room; members still get in."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"), half_open=8)
    strangers = [await stranger_at(listening, b"\x16") for _ in range(40)]
    while not door.half_open:
        await turn()
    assert door.half_open <= 8
    for stranger in strangers:
        if not stranger.lost.called:
            stranger.transport.loseConnection()  # type: ignore[union-attr]
    for stranger in strangers:
        await stranger.lost
    await leave(await listening.knock(authority, authority.member("client")))


@ensureDeferred
async def test_a_listening_side_without_room(listening: Listening) -> None:
    """A member is told that there is none: that is worth another attempt."""
    authority = Authority()
    listening.begin(authority, authority.member("server"))
    listening.factory.has_room = False
    with pytest.raises(HandshakeFailed, match="all connections are in use there"):
        await listening.knock(authority, authority.member("client"))


@ensureDeferred
async def test_who_is_revoked_in_mid_transfer(listening: Listening) -> None:
    """A member that was revoked is cut off, while another's transfer goes on."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"))
    good = await listening.knock(authority, authority.member("good"))
    bad = await listening.knock(authority, authority.member("bad"))
    to_good, to_bad = listening.factory.made
    to_good.transport.write(b"g" * MIB)
    to_bad.transport.write(b"b" * 64 * MIB)
    await bad.gets(1)
    assert not door.keep_only(authority.has)
    authority.revoked.add("bad")
    assert [member.name for member in door.keep_only(authority.has)] == ["bad"]
    await bad.lost
    await to_bad.lost
    assert len(bad.got) < 64 * MIB
    assert len(await good.gets(MIB)) == MIB
    assert not door.keep_only(authority.has)
    await leave(good)


@ensureDeferred
async def test_a_connecting_side_cuts_off_too(listening: Listening) -> None:
    """Its door knows the connections that it made as well."""
    authority = Authority()
    listening.begin(Authority(key=authority.key), authority.member("server"))
    door = TlsDoor(reactor, authority.certificate, authority.member("x"), authority.check)
    here = await door.connect(listening.endpoint, Keepers(), A_PEER)
    assert isinstance(here, Keeper)
    authority.revoked.add("server")
    assert [member.name for member in door.keep_only(authority.has)] == ["server"]
    await here.lost


@ensureDeferred
async def test_renewal_breaks_nothing(listening: Listening) -> None:
    """New credentials are for connections to come; those that stand go on."""
    authority = Authority()
    door = listening.begin(authority, authority.member("server"))
    before = await listening.knock(authority, authority.member("client"))
    door.use(authority.member("renewed"))
    after = await listening.knock(authority, authority.member("client"), A_PEER.named("renewed"))
    listening.factory.made[0].transport.write(b"still here")
    assert await before.gets(10) == b"still here"
    await leave(before)
    await leave(after)
