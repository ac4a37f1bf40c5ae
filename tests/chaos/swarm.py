"""The daemons of a run: where each has its directories, and the faults they suffer."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.disk import SmallDisk
from tests.chaos.plan import TRACKER, Members, Plan
from tests.daemons.ports import free_port
from tests.daemons.process import TWISTD, DaemonProcess

PATIENCE = 30.0
"""Seconds a daemon may take to start, to stop, or to join."""

SLOW_RATE = "16M"


class NotInTime(Exception):
    """Something that had to happen did not; the text says what."""


def wait_until(what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Look often whether something holds; raises `NotInTime`."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise NotInTime(f"It did not happen within {patience:.0f} s that {what}.")
        time.sleep(0.05)  # the pause between two looks, not a bet on how long it takes


def p2pfs(*words: str, given: str = "") -> str:
    """Run the program with these words; raises `NotInTime` when it does not do it."""
    command = [str(TWISTD.with_name("p2pfs")), *words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise NotInTime(f"'p2pfs {' '.join(words)}' said: {done.stderr.strip()}")
    return done.stdout


class Swarm:
    """A tracker and peers; ``problems`` gathers what they did and should not have done."""

    def __init__(self, plan: Plan, folder: Path, disk: SmallDisk | None) -> None:
        """``folder`` is where everything lies; the logs are never on the small disk."""
        self.plan = plan
        self.folder = folder
        self.disk = disk
        self.problems: list[str] = []
        self.not_started = 0
        self.frozen: set[str] = set()
        self.all_stay = True
        """Until one of them is revoked."""
        self.ended = False
        self._running: dict[str, DaemonProcess] = {}
        self._port = free_port()
        self.is_private = plan.members is not None
        self.logs = folder / "logs"
        for directory in (self.logs, folder / "state", folder / "downloads"):
            directory.mkdir()

    # Places

    def state(self, name: str) -> Path:
        """The state directory of a daemon."""
        return self._home(name in self.plan.small_state) / "state" / name

    def downloads(self, peer: str) -> Path:
        """The directory for a peer's downloads."""
        return self._home(peer in self.plan.small_downloads) / "downloads" / peer

    def _home(self, small: bool) -> Path:
        return self.disk.path if small and self.disk is not None else self.folder

    # Members

    def found(self, members: Members) -> None:
        """Make it a private swarm, and have all peers join it, by the commands that people use."""
        tracker = ["--state", str(self.state(TRACKER)), "tracker"]
        p2pfs(*tracker, "private")
        self.start(TRACKER)
        wait_until("the tracker answers", self._running[TRACKER].answers)
        for name in self.plan.peers:
            terms = [] if name in members.readers else ["--role", "publisher", "--names", "*"]
            invitation = p2pfs(*tracker, "invite", *terms)
            p2pfs("--state", str(self.state(name)), "join", "--name", name, given=invitation)

    # Faults

    def start(self, name: str) -> None:
        """Start a daemon that is down; that it answers is not waited for."""
        if name in self._running:
            self._reap(name)
        endpoint = f"tcp:{self._port}:interface=127.0.0.1"
        options = ["--listen", endpoint] if name == TRACKER else self._peer_options(name)
        role = "tracker" if name == TRACKER else "peer"
        log = self.logs / f"{name}.log"
        self._running[name] = DaemonProcess(role, self.state(name), log, *options)

    def _peer_options(self, name: str) -> list[str]:
        # A member knows the tracker from joining.
        options = [] if self.is_private else ["--tracker", f"tcp:127.0.0.1:{self._port}"]
        return [*options, "--download-rate", SLOW_RATE] if name in self.plan.slow else options

    def kill(self, name: str) -> None:
        """SIGKILL."""
        if name in self._running:
            self._running.pop(name).kill()

    def stop(self, name: str) -> None:
        """SIGTERM; the end is waited for when it is started again."""
        if name in self._running:
            self._running[name].process.terminate()

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        if name in self._running:
            self._running[name].freeze()
            self.frozen.add(name)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        if name in self.frozen:
            self._running[name].thaw()
            self.frozen.discard(name)

    def _reap(self, name: str) -> None:
        """See a daemon that was told to stop to its end."""
        daemon = self._running.pop(name)
        try:
            # One that is told before it has begun to listen to signals ends by the signal.
            if daemon.process.wait(PATIENCE) not in (0, -signal.SIGTERM):
                self._ended_badly(name, daemon)
        except subprocess.TimeoutExpired:
            self.problems.append(f"{name} did not stop within {PATIENCE:.0f} s of SIGTERM.")
            daemon.kill()

    def _ended_badly(self, name: str, daemon: DaemonProcess) -> None:
        """A peer whose state lies on a full disk cannot start; nothing else ends one."""
        last = (daemon.log.read_text(errors="replace").splitlines() or ["nothing"])[-1]
        if self.disk is not None and name in self.plan.small_state and "cannot be " in last:
            self.not_started += 1
        else:
            status = daemon.process.returncode
            self.problems.append(f"{name} ended by itself with status {status}: {last}")

    # All of them

    def daemon(self, name: str) -> DaemonProcess | None:
        """The process of that name; None when it is down."""
        return self._running.get(name)

    def start_missing(self) -> None:
        """Have every daemon run, none of them frozen."""
        for name in list(self.frozen):
            self.thaw(name)
        for name in (TRACKER, *self.plan.peers):
            daemon = self._running.get(name)
            if daemon is None or not daemon.runs:
                self.start(name)

    def all_joined(self) -> bool:
        """Whether all answer, and have joined if they may; starts those that could not start."""
        self.start_missing()
        joining = self.plan.peers if self.all_stay else self.plan.staying
        for name in self.plan.peers:
            daemon = self._running[name]
            if not daemon.answers():
                return False
            if name in joining and not daemon.ask("status")["joined_as"]:
                return False
        return True

    def stop_all(self) -> None:
        """Stop them in order, all at once."""
        for name in list(self._running):
            self.stop(name)
        for name in list(self._running):
            self._reap(name)

    def kill_all(self) -> None:
        """Leave no process behind, whatever happened."""
        self.ended = True
        for name in list(self._running):
            self.kill(name)
