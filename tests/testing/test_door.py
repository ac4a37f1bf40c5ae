"""The door of simulated private swarms: it lets in, and keeps out, whom the real one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint

from p2pfs.errors import HandshakeFailed
from p2pfs.membership import Authority, Role
from p2pfs.secure import A_PEER, A_TRACKER, Credentials, Expected, PrivateSwarm, member_of
from p2pfs.testing import Network
from p2pfs.testing.door import PATIENCE, PlainDoor
from tests.membership.swarms import KEY, authority
from tests.simulation.parts import PORT, Notes, Servers


class Scene:
    """A host that listens behind a door, and one that connects."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.server, self.client = network.add_host("server"), network.add_host("client")
        self.authority = authority(network.hosts["server"].directory / "a", now=self.now())
        self.members = Servers(lambda: Notes(network))
        self.strangers = Servers(lambda: Notes(network))
        self.swarm = self.swarm_of(self.authority, "server")

    def now(self) -> float:
        return self.server.wall_clock()

    def swarm_of(
        self, by: Authority, name: str, role: Role = Role.READER, shown: bool = True
    ) -> PrivateSwarm:
        """What a member knows who trusts the scene's authority, with a certificate of ``by``."""
        chain = (by.issue(KEY.public, name, role, (), self.now()),) if shown else ()
        credentials = Credentials(KEY.private, chain)
        reactor = (self.server if name == "server" else self.client).reactor
        trusted = self.authority.certificate
        return PrivateSwarm(reactor, trusted, credentials, None, self.now, PlainDoor)

    def listen(self, takes_strangers: bool = False) -> None:
        """Listen behind the server's door."""
        strangers = self.strangers if takes_strangers else None
        guarded = self.swarm.door.guard(self.members, strangers)
        self.server.reactor.listenTCP(PORT, guarded)

    def connect(self, swarm: PrivateSwarm, expected: Expected = A_PEER) -> Notes:
        """A connection by another's door."""
        endpoint = TCP4ClientEndpoint(self.client.reactor, self.server.address, PORT)
        clients = Servers(lambda: Notes(self.network))
        connecting = swarm.door.connect(endpoint, clients, expected)
        self.network.result_of(connecting, 2 * PATIENCE)
        [made] = clients.made
        assert isinstance(made, Notes)
        return made


@pytest.fixture
def scene(network: Network) -> Scene:
    """Two hosts."""
    return Scene(network)


def test_members_are_known_to_each_other(scene: Scene) -> None:
    """And what is said reaches the protocol behind the door, and no other."""
    scene.listen()
    here = scene.connect(scene.swarm_of(scene.authority, "client"))
    [there] = scene.members.made
    here.transport.write(b"hello")
    scene.network.run(1)
    assert bytes(there.received) == b"hello"
    known = member_of(here.transport), member_of(there.transport)
    assert [member and member.name for member in known] == ["server", "client"]
    here.transport.loseConnection()
    scene.network.run(1)
    assert there.lost is not None


def test_who_is_no_member_is_kept_out(scene: Scene, tmp_path: Path) -> None:
    """Who shows nothing, or another authority's certificate."""
    scene.listen()
    other = authority(tmp_path / "other", seed=2, now=scene.now())
    for swarm in (
        scene.swarm_of(scene.authority, "client", shown=False),
        scene.swarm_of(other, "client"),
    ):
        with pytest.raises(HandshakeFailed):
            scene.connect(swarm)
    assert not scene.members.made


def test_strangers_have_a_door_of_their_own(scene: Scene) -> None:
    """Where there is one."""
    scene.listen(takes_strangers=True)
    here = scene.connect(scene.swarm_of(scene.authority, "client", shown=False))
    assert len(scene.strangers.made) == 1
    assert not scene.members.made
    assert here.lost is None


@pytest.mark.parametrize("expected", [A_TRACKER, A_PEER.named("other")])
def test_somebody_else_is_left(scene: Scene, expected: Expected) -> None:
    """By role and by name."""
    scene.listen()
    with pytest.raises(HandshakeFailed, match="not who was expected"):
        scene.connect(scene.swarm_of(scene.authority, "client"), expected)


def test_who_is_revoked_is_cut_off(scene: Scene) -> None:
    """And not let in again."""
    scene.listen()
    swarm = scene.swarm_of(scene.authority, "client")
    here = scene.connect(swarm)
    serial = swarm.member.serial
    newest = scene.authority.revocation_list(1, {serial: scene.now()}, scene.now())
    assert scene.swarm.take_revocations(newest)
    scene.network.run(1)
    assert here.lost is not None
    with pytest.raises(HandshakeFailed, match="revoked"):
        scene.connect(swarm)


def test_who_says_nothing_is_let_go(scene: Scene) -> None:
    """After a while."""
    scene.listen()
    endpoint = TCP4ClientEndpoint(scene.client.reactor, scene.server.address, PORT)
    silent = Servers(lambda: Notes(scene.network))
    scene.network.result_of(endpoint.connect(silent), 1)
    scene.network.run(PATIENCE + 1)
    assert silent.made[0].lost is not None


def test_a_renewed_certificate_is_shown(scene: Scene) -> None:
    """On connections from then on."""
    scene.listen()
    swarm = scene.swarm_of(scene.authority, "client")
    scene.connect(swarm)
    swarm.use(scene.swarm_of(scene.authority, "another").credentials)
    scene.connect(swarm)
    assert [member_of(made.transport).name for made in scene.members.made] == [  # type: ignore[union-attr]  # both are known
        "client",
        "another",
    ]
