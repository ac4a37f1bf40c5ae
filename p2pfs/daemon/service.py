"""What both daemons have in common: a state directory, ports, consoles, a clean start and stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import LoopingCall
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from p2pfs import __version__
from p2pfs.console.command import CommandSet
from p2pfs.console.control.groups import Group
from p2pfs.console.control.messages import SOCKET_NAME
from p2pfs.console.control.service import ControlService
from p2pfs.console.ssh.doors import Doors
from p2pfs.daemon.descriptors import Descriptors, allow_many
from p2pfs.daemon.log_target import log_observer
from p2pfs.daemon.notify import VARIABLE, Notifier, Standing
from p2pfs.daemon.options import LOG_FILE, DaemonOptions
from p2pfs.daemon.pid_file import PidFile
from p2pfs.daemon.state_directory import StateDirectory
from p2pfs.daemon.steady_reactor import steady_reactor
from p2pfs.daemon.swarm_text import NOT_PRIVATE, is_beyond_loopback
from p2pfs.errors import P2pfsError, StartupProblem
from p2pfs.listening import bound_address, listen
from p2pfs.reactor import Reactor
from p2pfs.secure import PrivateSwarm, door_of

if TYPE_CHECKING:  # see `Daemon.offer_consoles`
    from p2pfs.console.ssh.factory import ConsoleSSHFactory

PID_FILE = "pid"
"""Where the number of the process is, in the state directory."""

STATE_WATCH_SECONDS = 10.0
"""How often a daemon looks whether its state directory is still there."""


class Daemon(MultiService):
    """A service with a state directory, listening ports and consoles.

    `open` does all that can fail on account of options, files or ports, so that
    `run_under_twistd` can report it before the process goes into the background.
    """

    log = Logger()
    role: ClassVar[str] = "daemon"
    """What people call it."""

    def __init__(self, reactor: Reactor, state: Path, group: Group | None = None) -> None:
        """``reactor`` gives time, connections and threads; ``state`` is the state directory.

        Members of ``group`` may use the control socket.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self.reactor = reactor
        self.state = state
        self.group = group
        self.ports: list[IListeningPort] = []
        self.claim: StateDirectory | None = None
        """The state directory, while it is this daemon's."""
        self.notifier: Notifier | None = None
        """What tells the service manager how the daemon stands, if there is one."""
        self.gave_up = False
        """True when it stopped because it could not do what it is for."""
        self.log_observer: ILogObserver | None = None
        """What twistd is to write the log with, if not as it would by itself."""
        self.swarm: PrivateSwarm | None = None
        """The private swarm that it is in; None in an open one."""
        self._ssh: ConsoleSSHFactory | None = None
        self._state_watch = LoopingCall(self._look_after_state)
        self._state_watch.clock = reactor

    def open(self) -> None:
        """Claim the state directory and bind the ports; raises `StartupProblem`."""
        self.claim = StateDirectory(self.state, self.group)
        self.log.info(
            "The {role} of p2pfs {version} starts; its state is in {state}.",
            role=self.role,
            version=__version__,
            state=self.state,
        )
        if self.group is not None:
            self._warn_of(self.group)

    def setServiceParent(self, parent: object) -> None:
        """Belong to ``parent``; an application learns what the log is to be written with."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # as above
        if self.log_observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.log_observer)

    def _warn_of(self, group: Group) -> None:
        """Of what is not as it should be when others may use the console."""
        if os.geteuid() == 0:
            self.log.warn(
                "This daemon runs as root, and members of the group '{group}' may command it. That "
                "it reads and writes for them only what they may is all that keeps them from "
                "the files of others; run it as a user of its own.",
                group=group.name,
            )
        directory = group.kept_out_by(self.state)
        if directory is not None:
            self.log.warn(
                "Members of the group '{group}' may be unable to reach the console, as they cannot "
                "enter {directory}; give a state directory elsewhere, or open it to them.",
                group=group.name,
                directory=directory,
            )

    def startService(self) -> None:
        if self.claim is None:
            self.open()
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self._state_watch.start(STATE_WATCH_SECONDS, now=False).addErrback(self._defect)
        if self.notifier is not None:
            self.notifier.start()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    def standing(self) -> Standing:
        """How it stands, for the service manager."""
        return Standing(True, "Running.")

    def give_up(self) -> None:
        """Stop the process, for a reason that the log has."""
        self.gave_up = True
        with suppress(ReactorNotRunning):  # it stops already
            self.reactor.stop()

    def steps_of_stop(self) -> Iterator[Callable[[], object]]:
        """What is to be ended at the stop, one after the other; a step may be asynchronous.

        When a step fails, that is logged, and the next one is taken all the same. The state
        directory is given up after the last.
        """
        yield self._close

    async def stop_listening(self, port: IListeningPort) -> None:
        """Close one of the ports, before the others."""
        if port in self.ports:
            self.ports.remove(port)
            await maybeDeferred(port.stopListening)

    async def _stop(self) -> None:
        if self.notifier is not None:
            self.notifier.stop()
        if self._state_watch.running:
            self._state_watch.stop()
        for step in self.steps_of_stop():
            await self._take(step)
        if self.claim is not None:
            self.claim.release()
            self.claim = None
        self.log.info("The {role} has stopped.", role=self.role)

    async def _close(self) -> None:
        """Close all ports and consoles at the same time."""
        Service.stopService(self)
        ports, self.ports = self.ports, []
        # Not by `MultiService`, which waits for all children, but says nothing of their failures.
        steps: list[Callable[[], object]] = [child.stopService for child in self]
        steps += [port.stopListening for port in ports]
        if self._ssh is not None:
            steps.append(self._ssh.all_closed)
        await DeferredList([Deferred.fromCoroutine(self._take(step)) for step in steps])

    async def _take(self, step: Callable[[], object]) -> None:
        try:
            await maybeDeferred(step)
        except Exception:  # test_a_step_that_fails_keeps_no_other_from_being_taken
            self.log.failure("The daemon did not stop cleanly.")

    def _look_after_state(self) -> None:
        """Without its directory a daemon could keep nothing, and nobody could reach its console."""
        if self.claim is not None and self.claim.is_gone:
            self._state_watch.stop()
            self.log.critical(
                "The state directory {state} was removed, and what was in it with it; this daemon "
                "stops. Start it again to begin anew.",
                state=self.state,
            )
            self.give_up()

    def _defect(self, failure: Failure) -> None:
        self.log.failure("Looking after the state directory failed.", failure=failure)

    def listen(
        self, description: str, factory: IProtocolFactory, whom: str = "others"
    ) -> IListeningPort:
        """Listen at a server endpoint string as long as the service runs.

        ``whom`` is for the log. Raises `StartupProblem`. Only endpoints that are bound at once
        will do: TCP, TLS and UNIX are.
        """
        port = now(listen(self.reactor, description, factory), description)
        self.ports.append(port)
        address = _shown(port, description)
        self.log.info("Listening for {whom} at {address}.", whom=whom, address=address)
        return port

    def listen_for_peers(
        self, description: str, factory: IProtocolFactory, strangers: IProtocolFactory | None = None
    ) -> IListeningPort:
        """Listen behind the swarm's door, as `listen` does; see `Door.guard`."""
        port = self.listen(description, door_of(self.swarm).guard(factory, strangers), "peers")
        if self.swarm is None and is_beyond_loopback(_shown(port, description)):
            self.log.warn("{warning}", warning=NOT_PRIVATE)
        return port

    def offer_consoles(
        self,
        commands: CommandSet,
        namespace: Mapping[str, object],
        ssh: str | None,
        authorized_keys: Path | None,
        descriptors: Descriptors,
    ) -> None:
        """Offer commands over the control socket, and over SSH when ``ssh`` is an endpoint.

        The control socket has room in any case, SSH as ``descriptors`` say.
        """
        control = ControlService(self.reactor, self.state / SOCKET_NAME, commands, self.group)
        control.setServiceParent(self)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        control.open()
        if ssh is None:
            return
        if authorized_keys is None:
            raise StartupProblem(
                "The SSH console needs to know who may log in; give --authorized-keys FILE."
            )
        # Not at the top: conch imports the reactor, which would install one that is not steady.
        from p2pfs.console.ssh.factory import ssh_factory

        doors = Doors().within(descriptors.ssh)
        self._ssh = ssh_factory(
            self.state, authorized_keys, commands, namespace, self.reactor, doors
        )
        self.listen(ssh, self._ssh, "consoles over SSH")
        self.log.info("The SSH host key is {fingerprint}.", fingerprint=self._ssh.fingerprint)


def _shown(port: IListeningPort, description: str) -> str:
    """Where a port is, for people: of port 0 it says which one that is."""
    is_tcp = isinstance(port.getHost(), IPv4Address | IPv6Address)
    return str(bound_address(port)) if is_tcp else description


def now(deferred: Deferred[IListeningPort], description: str) -> IListeningPort:
    """The result of a Deferred that has fired; raises its failure's exception."""
    results: list[IListeningPort] = []
    failures: list[Failure] = []
    deferred.addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    if not results:
        raise StartupProblem(f"'{description}' cannot be bound at start; use a tcp endpoint.")
    return results[0]


def run_under_twistd(options: DaemonOptions, build: Callable[[Reactor], Daemon]) -> Daemon:
    """Build and open a daemon for twistd; a problem becomes one line and exit status 1.

    ``build`` makes it for the reactor that it is given.
    """
    allow_many()
    try:
        daemon = build(steady_reactor())
        daemon.open()
        if options.keeps_log:
            # It would be made with the umask as found, and keeps the mode that it has.
            with suppress(OSError):  # which is met again, and told, where it is opened
                (daemon.state / LOG_FILE).touch(mode=0o600)
        if options.parent is not None:
            level, as_json = options["log-level"], bool(options["log-json"])
            daemon.log_observer = log_observer(
                options.parent, level, as_json, daemon.reactor, os.environ
            )
    except P2pfsError as error:
        raise SystemExit(f"{options.name}: {error}") from None
    if options.keeps_pid_file:
        pid_file = PidFile(daemon.state / PID_FILE)
        pid_file.setServiceParent(daemon)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
    if VARIABLE in os.environ:
        daemon.notifier = Notifier(daemon.reactor, os.environ[VARIABLE], daemon.standing)
    return daemon
