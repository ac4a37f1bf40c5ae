"""What the users of the peers ask for, and how they are answered."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2pfs.cli.client import DaemonUnavailable, InternalError
from p2pfs.errors import NotFound, P2pfsError
from tests.chaos.checks import is_sentence
from tests.chaos.plan import TREE, Act, Step
from tests.chaos.swarm import NotInTime, Swarm

AT_ONCE = 128
"""Commands under way at the same time; far more than a plan comes to."""

REVOKE_SECONDS = 60.0
"""In which a member is to be revoked, whatever becomes of the tracker meanwhile."""


@dataclass
class Answers:
    """How many commands were answered how; ``problems`` are answers no user should get."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Users:
    """Run commands at the peers, each in a thread of its own."""

    def __init__(self, swarm: Swarm, originals: Mapping[str, Path]) -> None:
        """``originals`` are the files to publish, by their names on the network."""
        self.answers = Answers()
        self.cut_copies: set[Path] = set()
        """Directories to which copies of a peer's own shares were going when it was killed. They
        may have left part files there: they have no record, as they are quickly made again."""
        self._swarm = swarm
        self._originals = originals
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._running: set[Future[Any]] = set()

    def place(self, peer: str, name: str, slot: int) -> Path:
        """Where a peer puts a file, or a whole directory when ``name`` ends in ``/``."""
        return self._swarm.downloads(peer) / str(slot) / name

    def begin(self, step: Step) -> None:
        """Have a user ask for what a step says."""
        future = self._pool.submit(self._revoke if step.act is Act.REVOKE else self.ask, step)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def ask(self, step: Step) -> P2pfsError | None:
        """Ask, and note how that was answered; blocks. Returns the error, if it was one."""
        daemon = self._swarm.daemon(step.who)
        if daemon is None:
            self.answers.failed["the peer is down"] += 1
            return DaemonUnavailable(f"{step.who} is down.")
        copies: list[Path] = []
        try:
            if step.act is Act.DOWNLOAD:
                copies = self._copies(step, daemon.ask("status")["shares"])
            answer = daemon.ask(*self._words(step))
        except OSError:  # of the directory: the disk is full
            self.answers.failed["no room for a directory"] += 1
            return P2pfsError("There is no room for a directory.")
        except P2pfsError as error:
            if isinstance(error, DaemonUnavailable):
                self.cut_copies.update(copies)
            self._failed(step, error)
            return error
        self.answers.done[step.act.value] += 1
        if step.act is Act.DOWNLOAD and not Path(answer["path"]).exists():
            self.answers.problems.append(f"'{step}' was done, but {answer['path']} is not there.")
        return None

    def wait(self, patience: float) -> None:
        """Wait for all answers; raises `NotInTime`."""
        if wait(set(self._running), patience).not_done:
            raise NotInTime(f"A command was not answered within {patience:.0f} s.")

    def _revoke(self, step: Step) -> None:
        """Put a member out, and ask for that until it is done: the tracker may be down just now."""
        deadline = time.monotonic() + REVOKE_SECONDS
        self._swarm.all_stay = False
        while time.monotonic() < deadline and not self._swarm.ended:
            error = self.ask(step)
            if error is None or isinstance(error, NotFound):  # once it was done, and not answered
                return
            time.sleep(0.2)  # until somebody has started the tracker again
        self.answers.problems.append(f"'{step}' could not be done.")

    def close(self) -> None:
        """Wait for the threads; the daemons must have ended."""
        self._pool.shutdown()

    def _words(self, step: Step) -> list[str]:
        match step.act:
            case Act.PUBLISH:
                return ["publish", str(self._originals[step.name]), step.name]
            case Act.DOWNLOAD:
                place = self.place(step.who, step.name, step.slot)
                place.parent.mkdir(parents=True, exist_ok=True)
                flags = ["--overwrite"] if step.overwrite else []
                return ["download", step.name, str(place), *flags]
        return [step.act.value, step.name]

    def _copies(self, step: Step, shares: list[dict[str, str]]) -> list[Path]:
        """The directories of what a download takes from the peer's own shares."""
        names = [s["name"] for s in shares if not s["target"]]
        wanted = [name for name in names if name == step.name or step.name == name[: len(TREE)]]
        return [self.place(step.who, name, step.slot).parent for name in wanted]

    def _failed(self, step: Step, error: P2pfsError) -> None:
        self.answers.failed[type(error).__name__] += 1
        if isinstance(error, InternalError) or not is_sentence(str(error)):
            self.answers.problems.append(f"'{step}' was answered with: {error}")
