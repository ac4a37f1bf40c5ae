"""What a name means is its publisher's to say: whole swarms, with trackers and members gone bad."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature, DownloadFailed, P2pfsError, Refused
from p2pfs.membership import OpenNames, Role, Signature, encode_chain
from p2pfs.membership.signature import sign
from p2pfs.peer.commands.results import answer_of
from p2pfs.peer.commands.status import status
from p2pfs.peer.commands.why import why
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.tracker.listed_file import ListedFile
from tests.membership.swarms import DAY
from tests.simulation.parts import outcome_of, part_files

CHUNK = 16384
OLD, NEW, OTHER = (Random(seed).randbytes(9 * CHUNK) for seed in (1, 2, 3))


class Scene:
    """A tracker and some peers, which share and fetch one file."""

    def __init__(self, network: Network, is_private: bool) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.is_private = is_private
        self.tracker_host = network.add_host("tracker")
        if is_private:
            self.swarm.make_private(self.tracker_host)
        self.start_tracker()
        self.peers: dict[str, PeerService] = {}
        self.hosts = {name: network.add_host(name) for name in ("a", "b", "reader", "new")}
        for name in self.hosts:
            if is_private:
                self.join(name)
            self.start(name)
        network.run(1)

    def start_tracker(self) -> None:
        self.service = self.swarm.start_tracker(self.tracker_host)
        self.tracker = self.service.tracker

    def join(self, name: str) -> None:
        """Have a peer be the member of that name."""
        terms = (Role.READER,) if name == "reader" else (Role.PUBLISHER, ["*"])
        joining = self.swarm.join(self.hosts[name], self.tracker_host, *terms)
        self.network.result_of(Deferred.fromCoroutine(joining), 10)

    def start(self, name: str) -> None:
        """A peer."""
        self.peers[name] = self.swarm.start_peer(
            self.hosts[name], self.tracker_host, smallest_chunk=CHUNK
        )

    def restart(self, name: str) -> None:
        self.network.result_of(self.swarm.stop(self.hosts[name]), 10)
        self.start(name)
        self.network.run(3)

    def restart_tracker(self) -> None:
        """It knows nothing of the time before."""
        self.network.result_of(self.swarm.stop(self.tracker_host), 10)
        self.start_tracker()
        self.network.run(30)

    def revoke(self, name: str) -> None:
        """All hear of it."""
        assert self.service.private is not None
        revoking = self.service.private.enrolment.revoke(name)
        self.network.result_of(Deferred.fromCoroutine(revoking), 10)
        self.network.run(1)

    def publish(self, name: str, content: bytes, file: str = "f") -> P2pfsError | None:
        """Why it is refused, if it is."""
        path = self.hosts[name].directory / file
        path.write_bytes(content)
        outcome = outcome_of(self.network, publish(self.peers[name], path))
        return outcome if isinstance(outcome, P2pfsError) else None

    def target(self, name: str) -> Path:
        return self.hosts[name].directory / "got"

    def begin(self, name: str, file: str = "f") -> Deferred[Fetched]:
        return download(self.peers[name], file, self.target(name), True)[1]

    def fetch(self, name: str, file: str = "f") -> Any:
        """What it came to, or the error."""
        return outcome_of(self.network, self.begin(name, file))

    def fetched(self, name: str, content: bytes) -> dict[str, Any]:
        """It is that content; for scripts, who published it."""
        outcome = self.fetch(name)
        assert isinstance(outcome, Fetched), outcome
        assert self.target(name).read_bytes() == content
        answer = answer_of(outcome)
        publisher: dict[str, Any] = answer.data["publisher"]
        assert f"  published by {outcome.publisher}" in answer.lines
        assert why(self.peers[name].peer, "f").data["publisher"] == publisher
        return publisher

    def nothing_is_fetched(self, name: str, file: str = "f") -> str:
        """Why, in words; nothing is asked of anybody, and nothing is written."""
        sent = [peer.peer.serving.uploads.total for peer in self.peers.values()]
        outcome = self.fetch(name, file)
        assert isinstance(outcome, DownloadFailed), outcome
        assert [peer.peer.serving.uploads.total for peer in self.peers.values()] == sent
        assert not part_files(self.hosts[name].directory)
        assert not self.target(name).exists()
        return str(outcome)

    def key(self, name: str) -> dict[str, str]:
        return {"key": self.peers[name].peer.key.fingerprint}

    def share(self, name: str) -> dict[str, Any]:
        """The one share that a peer has, as scripts see it."""
        (share,) = status(self.peers[name].peer).data["shares"]
        return dict(share)

    @property
    def listed(self) -> ListedFile:
        """The file as the tracker lists it; whoever has got hold of the tracker changes it."""
        return self.tracker.directory["f"]


@pytest.fixture
def open_swarm(network: Network) -> Scene:
    """See there."""
    return Scene(network, is_private=False)


@pytest.fixture
def private_swarm(network: Network) -> Scene:
    """The same, of members."""
    return Scene(network, is_private=True)


@pytest.fixture(params=["open", "private"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """Both."""
    found: Scene = request.getfixturevalue(f"{request.param}_swarm")
    return found


# In both


def test_a_name_stays_its_publishers_over_all_restarts(scene: Scene) -> None:
    """Of the tracker, which forgets all, of the publisher, and of those who fetched it."""
    assert scene.publish("a", OLD) is None
    publisher = scene.fetched("reader", OLD)
    assert publisher == (scene.key("a") if not scene.is_private else {"member": "a"})
    signature = scene.listed.signature
    assert signature is not None
    # Its publisher is gone, and who is left shows its word to a tracker that knows nothing.
    scene.network.result_of(scene.swarm.stop(scene.hosts["a"]), 10)
    scene.restart("reader")
    scene.restart_tracker()
    assert scene.listed.signature == signature
    assert scene.fetched("new", OLD) == publisher
    assert scene.share("new")["publisher"] == publisher
    # It comes back with another content: that is what the name means from now on.
    scene.start("a")
    scene.network.run(2)
    assert scene.publish("a", NEW) is None
    scene.network.run(2)
    assert len(scene.listed.holders) == 1
    for name in ("reader", "new"):
        share = scene.share(name)
        assert share["state"] == "refused"
        assert "Who may say what that name means has another content" in share["refused"]
    # Those who have the old do not bring it back, whatever they do.
    scene.restart("reader")
    assert "A newer content is listed" in scene.share("reader")["refused"]
    assert scene.listed.signature != signature
    assert scene.fetched("b", NEW) == publisher


def test_a_tracker_that_swaps_contents_is_not_believed(scene: Scene) -> None:
    """Nor one that moves a word to another name, or has none."""
    assert scene.publish("a", OLD) is None
    assert scene.publish("a", OTHER, "g") is None
    other = scene.tracker.directory["g"]
    scene.listed.info = other.info
    assert "is for another name or content" in scene.nothing_is_fetched("new")
    scene.listed.signature = other.signature
    assert "is for another name or content" in scene.nothing_is_fetched("new")
    if scene.is_private:
        scene.listed.signature = None
        assert "is not signed" in scene.nothing_is_fetched("new")


def test_a_tracker_that_goes_back_is_not_believed_by_who_knows_better(scene: Scene) -> None:
    """What was right once is shown again: to who has the newer one in part."""
    assert scene.publish("a", OLD) is None
    before = scene.listed.info, scene.listed.signature
    assert scene.publish("a", NEW) is None
    scene.peers["a"].peer.limits["upload"].rate = 20_000
    fetching = scene.begin("new")
    assert scene.network.run(30, lambda: _has(scene.peers["new"]) > 2)
    scene.peers["new"].peer.downloads.cancel("f")
    outcome_of(scene.network, fetching)
    kept = part_files(scene.hosts["new"].directory)
    assert kept
    scene.listed.info, scene.listed.signature = before
    failed = scene.fetch("new")
    assert isinstance(failed, DownloadFailed)
    assert "What this peer has of 'f' is newer" in str(failed)
    assert part_files(scene.hosts["new"].directory) == kept


def test_a_share_that_changed_is_signed_anew(scene: Scene) -> None:
    """Also while the peer was down; the tracker takes the later word at once."""
    assert scene.publish("a", OLD) is None
    scene.fetched("reader", OLD)
    scene.network.result_of(scene.swarm.stop(scene.hosts["a"]), 10)
    (scene.hosts["a"].directory / "f").write_bytes(NEW)
    scene.start("a")
    scene.network.run(3)
    scene.fetched("new", NEW)
    assert len(scene.listed.holders) == 2


def test_who_has_fetched_it_shares_it_by_the_same_word(scene: Scene) -> None:
    """Also when the file is only touched, and after it is published by hand."""
    assert scene.publish("a", OLD) is None
    publisher = scene.fetched("reader", OLD)
    signature = scene.peers["reader"].peer.library["f"].signature
    scene.network.result_of(scene.swarm.stop(scene.hosts["reader"]), 10)
    scene.target("reader").write_bytes(OLD)
    scene.start("reader")
    scene.network.run(3)
    assert scene.share("reader")["publisher"] == publisher
    again = publish(scene.peers["reader"], scene.target("reader"), "f")
    assert not isinstance(outcome_of(scene.network, again), P2pfsError)
    assert scene.peers["reader"].peer.library["f"].signature == signature
    assert len(scene.listed.holders) == 2


def _has(peer: PeerService) -> int:
    held = peer.peer.library.get("f")
    return 0 if held is None else len(held.chunks)


# Open


def test_another_key_does_not_get_a_name_that_is_there(open_swarm: Scene) -> None:
    """Whatever it publishes; what the name means is not touched."""
    scene = open_swarm
    assert scene.publish("a", OLD) is None
    refusal = scene.publish("b", OTHER)
    assert isinstance(refusal, Refused)
    assert "held by" in str(refusal)
    assert scene.publish("b", OLD) is None
    assert scene.fetched("new", OLD) == scene.key("a")


# Private


class Careless(OpenNames):
    """What a member signs with whose program does not ask whether it may."""

    required = True

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(scene.hosts[name].wall_clock)
        service = scene.peers[name]
        assert service.swarm is not None
        self._signed_with = service.peer.key
        self._chain = tuple(encode_chain(service.swarm.credentials.chain[:1]))
        self._wall_clock = scene.hosts[name].wall_clock

    def check_may_sign(self, name: str) -> None:
        """It may."""

    def sign(self, name: str, info: FileInfo, after: int = 0) -> Signature:
        at = max(int(self._wall_clock()), after) + 1
        return sign(self._signed_with, name, info, at, self._chain)


def test_who_may_not_publish_does_not(private_swarm: Scene) -> None:
    """The peer says why; and what its user has changed in it helps nothing."""
    scene = private_swarm
    reader, path = scene.peers["reader"].peer, scene.hosts["reader"].directory / "f"
    path.write_bytes(OTHER)
    publication, published = reader.publisher.publish(path)
    refusal = outcome_of(scene.network, published)
    assert isinstance(refusal, BadSignature)
    assert "which is a reader; have a publisher do it" in str(refusal)
    # So it is said before the work, which may take long.
    assert publication.done == 0
    reader.signing = Careless(scene, "reader")
    refusal = scene.publish("reader", OTHER)
    assert isinstance(refusal, Refused)
    assert "is a reader, and a publisher is needed" in str(refusal)
    assert "f" not in scene.tracker.directory
    # Nor does it change what others have published.
    assert scene.publish("a", OLD) is None
    assert isinstance(scene.publish("reader", OTHER), Refused)
    assert scene.fetched("new", OLD) == {"member": "a"}


def test_a_revoked_word_ends_until_another_publisher_says_the_same(private_swarm: Scene) -> None:
    """Downloads end, shares stay on the disk; then all is as it was, by another's word."""
    scene = private_swarm
    assert scene.publish("a", OLD) is None
    scene.fetched("reader", OLD)
    for name in ("a", "reader"):
        scene.peers[name].peer.limits["upload"].rate = 20_000
    fetching = scene.begin("new")
    assert scene.network.run(30, lambda: _has(scene.peers["new"]) > 2)
    signature = scene.listed.signature
    scene.revoke("a")
    ended = outcome_of(scene.network, fetching)
    assert isinstance(ended, DownloadFailed)
    assert (
        "ended, as the certificate of who signed it was revoked meanwhile; what came is kept"
        in (str(ended))
    )
    assert "f" not in scene.tracker.directory
    share = scene.share("reader")
    assert share["state"] == "refused"
    assert "a is revoked" in share["refused"]
    assert scene.target("reader").read_bytes() == OLD
    # A tracker that has not heard of it, or does not want to, is not believed.
    assert scene.publish("b", OTHER) is None
    scene.listed.info, scene.listed.signature = scene.peers["a"].peer.library["f"].info, signature
    failed = scene.fetch("new")
    assert isinstance(failed, DownloadFailed)
    assert "a is revoked" in str(failed)
    outcome_of(
        scene.network, Deferred.fromCoroutine(scene.peers["b"].peer.publisher.unpublish("f"))
    )
    # Another publisher signs the same.
    assert scene.publish("b", OLD) is None
    assert scene.fetched("new", OLD) == {"member": "b"}
    scene.network.run(60)
    assert scene.share("reader")["state"] == "listed"
    assert len(scene.listed.holders) == 3


@pytest.mark.parametrize("touched", [False, True])
def test_who_was_revoked_and_joins_again_signs_again(private_swarm: Scene, touched: bool) -> None:
    """Publishing once more is enough, of a file that is as it was, also if it was touched."""
    scene = private_swarm
    assert scene.publish("a", OLD) is None
    scene.revoke("a")
    assert "f" not in scene.tracker.directory
    scene.join("a")
    scene.restart("a")
    path = scene.hosts["a"].directory / "f"
    if touched:
        path.write_bytes(OLD)
    outcome = outcome_of(scene.network, publish(scene.peers["a"], path))
    assert not isinstance(outcome, P2pfsError), outcome
    assert scene.fetched("new", OLD) == {"member": "a"}
    scene.restart("a")
    assert scene.peers["a"].peer.library["f"].signature == scene.listed.signature


def test_a_certificate_that_expired_ends_no_name(private_swarm: Scene) -> None:
    """Long after that, a tracker that was restarted lists what it has signed, and others get it."""
    scene = private_swarm
    assert scene.publish("a", OLD) is None
    scene.fetched("reader", OLD)
    scene.network.result_of(scene.swarm.stop(scene.hosts["a"]), 10)
    for _ in range(2):
        for host in scene.network.hosts.values():
            host.drive.clock_offset += 21 * DAY
        scene.network.run(120)  # the others have theirs renewed
    scene.restart_tracker()
    assert scene.fetched("new", OLD) == {"member": "a"}
    # It does nothing any more, and signs nothing that counts.
    scene.start("a")
    scene.network.run(2)
    assert "has expired" in scene.peers["a"].peer.announcer.problem
