"""What both daemons have in common: options, ports, a clean start, and a stop in good order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from twisted.application.service import Application, MultiService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import FileLogObserver, ILogObserver

from p2pfs import __version__
from p2pfs.commands import Definitions
from p2pfs.console.command import CommandSet
from p2pfs.daemon import Daemon, DaemonOptions, Descriptors, run_under_twistd
from p2pfs.daemon.service import now
from p2pfs.errors import StartupProblem
from p2pfs.testing import Host, Network, Swarm
from tests.conftest import LoggedFailures
from tests.log import log_lines

ROOM = Descriptors()


class PlainOptions(DaemonOptions):
    """Those of a daemon that has none of its own."""

    role = "plain"


class Plain(Daemon):
    """A daemon that has ports and consoles, and nothing else."""

    ended = 0
    broken = False

    def open(self) -> None:
        """Claim the directory, bind a port, offer a console."""
        super().open()
        self.listen("tcp:7000", Factory.forProtocol(Protocol))
        self.offer_consoles(CommandSet(Definitions([]), {}), {}, None, None, ROOM)

    def end(self) -> None:
        """Note that it ends, or fail to."""
        if self.broken:
            raise ZeroDivisionError
        self.ended += 1

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """One step before and one after those of every daemon."""
        yield self.end
        yield from super().steps_of_stop()
        yield self.end


@pytest.fixture
def host(network: Network) -> Host:
    """Where the daemon runs."""
    return network.add_host("host")


@pytest.fixture
def daemon(host: Host) -> Plain:
    """One that runs."""
    daemon = Plain(host.reactor, host.directory / "state")
    host.keep(daemon)
    daemon.startService()
    return daemon


def test_a_stop_gives_everything_back(network: Network, host: Host, daemon: Plain) -> None:
    """Ports, console and directory, so that another can start at once."""
    assert 7000 in host.reactor.ports
    network.result_of(daemon.stopService(), 1)
    assert not host.reactor.ports
    assert daemon.ended == 2
    assert host.reactor.getDelayedCalls() == []
    another = Plain(host.reactor, daemon.state)
    another.startService()
    assert 7000 in host.reactor.ports
    network.result_of(another.stopService(), 1)


def test_a_step_that_fails_keeps_no_other_from_being_taken(
    network: Network, host: Host, daemon: Plain, logged_failures: LoggedFailures
) -> None:
    """Each failure is logged, and ports and directory are given up all the same."""
    daemon.broken = True
    network.result_of(daemon.stopService(), 1)
    assert [event["log_failure"].type for event in logged_failures.flush()] == [
        ZeroDivisionError,
        ZeroDivisionError,
    ]
    assert not host.reactor.ports
    assert daemon.claim is None


def test_a_port_can_be_closed_before_the_others(
    network: Network, host: Host, daemon: Plain
) -> None:
    """And only once, whoever asks."""
    [port] = daemon.ports
    for _ in range(2):
        network.result_of(Deferred.fromCoroutine(daemon.stop_listening(port)), 1)
    assert 7000 not in host.reactor.ports
    network.result_of(daemon.stopService(), 1)


def test_ssh_needs_somebody_who_may_log_in(network: Network, host: Host) -> None:
    """That nobody may is a problem of the start, and not found out later."""
    daemon = Daemon(host.reactor, host.directory / "state")
    daemon.open()
    with pytest.raises(StartupProblem, match="--authorized-keys"):
        daemon.offer_consoles(CommandSet(Definitions([]), {}), {}, "tcp:6822", None, ROOM)
    assert 6822 not in host.reactor.ports
    network.result_of(daemon.stopService(), 1)


def test_a_removed_directory_is_noticed_and_the_daemon_stops(network: Network) -> None:
    """Peer and tracker alike, within 10 s."""
    swarm = Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    swarm.start_tracker(tracker)
    swarm.start_peer(host, tracker)
    network.run(25)
    assert len(swarm.daemons) == 2
    for each in (tracker, host):
        shutil.rmtree(each.directory / "state")
    network.run(11)
    assert swarm.daemons == {}


def test_what_is_not_bound_at_once_is_a_problem_of_the_start() -> None:
    """The other results are there when the call returns."""
    port = object()
    assert now(succeed(port), "tcp:1") is port  # type: ignore[arg-type]  # which one is the same
    waiting: Deferred[IListeningPort] = Deferred()
    with pytest.raises(StartupProblem, match="'x:1' cannot be bound at start"):
        now(waiting, "x:1")


def test_start_and_stop_are_in_the_log(network: Network, host: Host) -> None:
    """With where its state is, and where it listens."""
    daemon = Plain(host.reactor, host.directory / "state")
    with log_lines(of=Plain.__module__) as lines:
        daemon.startService()
        network.result_of(daemon.stopService(), 1)
    assert lines == [
        f"The daemon of p2pfs {__version__} starts; its state is in {host.directory}/state.",
        "Listening for others at 0.0.0.0:7000.",
        "The daemon has stopped.",
    ]


def test_an_application_learns_what_writes_the_log(host: Host) -> None:
    """Twistd asks it; a daemon that is built into something else leaves the log to that."""
    daemon = Plain(host.reactor, host.directory / "state")
    application, parent = Application("p2pfs"), MultiService()
    daemon.setServiceParent(application)
    assert application.getComponent(ILogObserver, None) is None
    daemon.disownServiceParent()
    daemon.log_observer = FileLogObserver(StringIO(), lambda event: "")
    daemon.setServiceParent(parent)
    daemon.disownServiceParent()
    daemon.setServiceParent(application)
    assert application.getComponent(ILogObserver) is daemon.log_observer


def test_a_problem_of_the_start_is_one_line(tmp_path: Path) -> None:
    """And an exit status, before twistd goes into the background."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^p2pfs-plain: .*cannot be used"):
        run_under_twistd(
            PlainOptions(tmp_path), lambda reactor: Plain(reactor, tmp_path / "file" / "x")
        )
