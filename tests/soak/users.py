"""What the users of a history's peers do, and whether they may be content with the outcome."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    NotFound,
    P2pfsError,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.downloading.tree_job import TreeJob
from p2pfs.peer.service import PeerService
from p2pfs.peer.sharing import Published
from p2pfs.testing import Host, download, publish
from tests.soak.checks import FileChecks
from tests.soak.membership import is_right_refusal
from tests.soak.membership_checks import MembershipChecks
from tests.soak.plan import (
    TREE,
    Act,
    Cancel,
    Fetch,
    FetchTree,
    FilePlan,
    Occupy,
    Publish,
    Unpublish,
)
from tests.soak.scene import Scene
from tests.soak.truth import DOWNLOADS, SHARES
from tests.soak.witness import Attempt, Witness


class Users:
    """Carries out what a plan says that users do."""

    def __init__(
        self, scene: Scene, files: FileChecks, witness: Witness, members: MembershipChecks
    ) -> None:
        self._members = members
        self._scene = scene
        self._files = files
        self._witness = witness
        self.attempts: list[Attempt] = []

    @property
    def waiting(self) -> bool:
        """True while a download goes on."""
        return any(attempt.goes_on for attempt in self.attempts)

    def act(self, act: Act) -> None:
        """Do one thing, if there is a peer to do it with."""
        assert not hasattr(act, "host"), "faults are nobody's wish"
        host = self._scene.network.hosts[act.peer]
        peer = self._scene.swarm.daemons.get(host)
        if isinstance(act, Occupy):
            self._occupy(host, act)
        elif isinstance(peer, PeerService) and not host.is_frozen:
            match act:
                case Publish(_, file):
                    self._publish(host, peer, file)
                case Unpublish(_, name):
                    self._unpublish(host, peer, name)
                case Fetch(_, name, overwrite):
                    self.fetch(host, peer, name, overwrite)
                case FetchTree():
                    self._fetch_tree(host, peer)
                case Cancel(_, name):
                    self._cancel(host, peer, name)

    def process_ended(self, host: Host) -> None:
        """Nobody will tell how its downloads ended."""
        for attempt in self.attempts:
            attempt.died |= attempt.host is host and attempt.outcome is None

    # What they want

    def _publish(self, host: Host, peer: PeerService, file: FilePlan) -> None:
        path = host.directory / SHARES / f"{file.content}" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = Random(file.content).randbytes(file.size)
        if not path.exists():
            path.write_bytes(content)
        publishing = publish(peer, path, file.name, file.function)
        if self._scene.membership.may_publish(host.name, file.name):
            self._scene.truth.published(host, file.name, content)
            self._tolerate(publishing)
        else:
            self._scene.truth.wanted(host, file.name)
            self._refuse(publishing, host, file.name)

    def sign_again(self, host: Host, peer: PeerService, name: str) -> None:
        """Publish what a peer has of a name, should it have all of it."""
        held = peer.peer.library.get(name)
        if held is not None and held.is_share:
            self._tolerate(publish(peer, held.path, name))

    def _unpublish(self, host: Host, peer: PeerService, name: str) -> None:
        work = Deferred.fromCoroutine(peer.peer.publisher.unpublish(name))
        if not self._is_downloading(host, name):  # what that brings is shared
            work.addCallback(self._scene.truth.unsharing(host, name))
        self._tolerate(work)

    def _is_downloading(self, host: Host, name: str) -> bool:
        return any(
            attempt.goes_on
            and attempt.host is host
            and (attempt.name == name or (attempt.name == TREE and name.startswith(TREE)))
            for attempt in self.attempts
        )

    def fetch(self, host: Host, peer: PeerService, name: str, overwrite: bool = False) -> Attempt:
        """Begin a download."""
        attempt = Attempt(host, name, self._scene.network.timeline.now, overwrite)
        self.attempts.append(attempt)
        target = host.directory / DOWNLOADS / name
        target.parent.mkdir(exist_ok=True)
        try:
            attempt.job, fetched = download(peer, name, target, overwrite)
        except P2pfsError as error:
            self._ended(error, attempt)
        else:
            self._scene.truth.begun(host, target, overwrite)
            fetched.addErrback(_expected).addCallback(self._ended, attempt)
            fetched.addErrback(self._defect)
        return attempt

    def _fetch_tree(self, host: Host, peer: PeerService) -> None:
        attempt = Attempt(host, TREE, self._scene.network.timeline.now)
        self.attempts.append(attempt)
        target = host.directory / DOWNLOADS / TREE
        self._scene.truth.begun_below(host, TREE)

        def arrived(one: Fetched) -> None:
            self._scene.writer.report.delivered += 1
            self._files.told(host, one.path)
            self._members.check_fetched(host, one)

        _, fetched = peer.peer.trees.start(TREE, target, False, arrived)
        fetched.addErrback(_expected).addCallback(self._tree_ended, attempt)
        fetched.addErrback(self._defect)

    def _cancel(self, host: Host, peer: PeerService, name: str) -> None:
        for attempt in self.attempts:
            attempt.cancelled |= attempt.host is host and attempt.name == name
        with suppress(NotFound):  # it is over already
            peer.peer.downloads.cancel(name)

    def _occupy(self, host: Host, act: Occupy) -> None:
        path = host.directory / DOWNLOADS / (act.name + act.suffix)
        may_go = any(a.goes_on and a.overwrite and a.host is host for a in self.attempts)
        if host.is_up and not (path.exists() or may_go):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"somebody else's")
            self._scene.truth.foreign[path] = path.read_bytes()

    # Outcomes

    def _ended(self, outcome: Fetched | P2pfsError, attempt: Attempt) -> None:
        attempt.outcome, attempt.ended = outcome, self._scene.network.timeline.now
        self._scene.writer.say(f"{attempt.host.name} {attempt.name}: {outcome}")
        self._witness.look(attempt)
        report = self._scene.writer.report
        if isinstance(outcome, Fetched):
            report.delivered += 1
            self._files.told(attempt.host, outcome.path)
            self._members.check_fetched(attempt.host, outcome)
            return
        report.failed += 1
        if not self._excused(outcome, attempt):
            self._scene.writer.problem(
                f"{attempt.host.name}'s download of '{attempt.name}': {outcome}"
            )

    def _tree_ended(self, outcome: TreeJob | P2pfsError, attempt: Attempt) -> None:
        attempt.outcome, attempt.ended = outcome, self._scene.network.timeline.now
        tree = outcome if isinstance(outcome, TreeJob) else None
        self._scene.writer.say(f"{attempt.host.name} {TREE}: {tree.remark if tree else outcome}")

    def _excused(self, error: P2pfsError, attempt: Attempt) -> bool:
        """Whether a download may end that way."""
        if self._scene.membership.is_out(attempt.host.name):
            return True
        match error:
            case NotFound() | TrackerUnavailable() | AlreadyExists():
                return True
            case DownloadFailed():
                return self._witness.is_void(attempt) or not self._witness.could_have_finished(
                    attempt
                )
            case StorageProblem():
                return attempt.disk_failed
            case Cancelled():
                return attempt.cancelled or attempt.host not in self._scene.swarm.daemons
        return False

    def _refuse(self, publishing: Deferred[list[Published]], host: Host, name: str) -> None:
        """Who may not publish is told why, unless it goes on sharing what another has signed."""

        def refused(error: P2pfsError) -> None:
            self._scene.writer.say(f"{host.name} may not publish '{name}': {error}")
            stopped = isinstance(error, Cancelled | StorageProblem)
            if not (is_right_refusal(error) or stopped):
                self._scene.writer.problem(f"{host.name} may not publish '{name}': {error}")

        publishing.addCallbacks(lambda _: None, lambda failure: refused(_expected(failure)))
        publishing.addErrback(self._defect)

    def _tolerate(self, work: Deferred[Any]) -> None:
        """What a user asked for may be refused, but only in words."""
        work.addErrback(_expected).addErrback(self._defect)

    def _defect(self, failure: Failure) -> None:
        self._scene.writer.problem(f"Not an error in words: {failure.getTraceback()}")


def _expected(failure: Failure) -> P2pfsError:
    failure.trap(P2pfsError)
    assert isinstance(failure.value, P2pfsError)
    return failure.value
