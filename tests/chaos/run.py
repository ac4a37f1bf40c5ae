"""One run of the fault test: the plan carried out, and what must hold looked after."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from p2pfs.errors import P2pfsError
from p2pfs.peer.library import journal_path
from p2pfs.peer.peer import JOURNALS
from tests.chaos.checks import (
    Copies,
    alarming_lines,
    files_below,
    parts_known,
    processes_at,
    strays,
)
from tests.chaos.disk import SmallDisk, mounted_below
from tests.chaos.plan import SLOTS, USER_ACTS, Act, Plan, SharedFile, Step
from tests.chaos.settling import Settling
from tests.chaos.swarm import NotInTime, Swarm, wait_until
from tests.chaos.users import Users
from tests.daemons.process import MIB, sha256

OWN_FILES = {
    "lock",
    "pid",
    "control",
    "peer_key",
    "peer.sqlite",
    "peer.sqlite-wal",
    "peer.sqlite-shm",
    "membership.json",
    "revocations.crl",
    "revocations.crl.new",  # when it was killed just then
}
"""What may lie in a state directory, beside journals."""


def disk_size(plan: Plan) -> int:
    """Bytes that the small disk needs, so that in the end everything fits."""
    copies = SLOTS * len(plan.small_downloads)
    return 32 * MIB + copies * sum(file.size for file in plan.files)


class Run:
    """A swarm, its users and its faults; everything lies below one directory."""

    def __init__(
        self, plan: Plan, folder: Path, disk: SmallDisk | None, say: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.problems: list[str] = []
        self._disk = disk
        self._say = say
        originals = folder / "originals"
        self._originals = {file.name: make_file(originals, file, plan.seed) for file in plan.files}
        self._swarm = Swarm(plan, folder, disk)
        self.users = Users(self._swarm, self._originals)
        digests = {name: sha256(path) for name, path in self._originals.items()}
        self.copies = Copies(
            {
                self.users.place(peer, name, slot): digest
                for peer in plan.peers
                for name, digest in digests.items()
                for slot in range(SLOTS)
            }
        )

    def execute(self) -> None:
        """Do everything; afterwards ``problems`` has what did not hold, a sentence each."""
        try:
            if self.plan.members is not None:
                self._swarm.found(self.plan.members)
            self._swarm.start_missing()
            wait_until("every peer has joined", self._swarm.all_joined)
            self._carry_out()
            self._say("All faults are over; everybody fetches everything.")
            settling = Settling(self._swarm, self.users)
            names = settling.settle()
            self.problems += self._left_in_directories()
            self.problems += settling.wrong_members(names)
            self._say(f"Every peer has all {len(names)} files that are offered; all restart.")
            settling.restart(names)
            self.problems += self._left_in_directories()
            self._swarm.stop_all()
        except (NotInTime, P2pfsError) as error:
            self.problems.append(str(error))
        finally:
            self._swarm.kill_all()
            self.users.close()
        self.problems += self.copies.wrong() + self._swarm.problems + self.users.answers.problems
        self.problems += [f"The process {pid} is left." for pid in processes_at(self.folder)]
        for log in sorted(self._swarm.logs.iterdir()):
            lines = alarming_lines(log.read_text(errors="replace"))
            self.problems += [f"{log.name} says: {line}" for line in lines]

    def summary(self) -> str:
        """What came of the commands, in figures."""
        answers = self.users.answers
        done = ", ".join(f"{count} {act}" for act, count in sorted(answers.done.items()))
        failed = ", ".join(f"{count} {kind}" for kind, count in sorted(answers.failed.items()))
        return (
            f"Commands done: {done or 'none'}. Ended with an error in words: {failed or 'none'}.\n"
            f"Files hashed under their final names: {self.copies.hashed}. Starts refused by the "
            f"full disk: {self._swarm.not_started}."
        )

    def _carry_out(self) -> None:
        began = time.monotonic()
        for step in self.plan.steps:
            # The plan says when, in real time.
            time.sleep(max(0.0, began + step.at - time.monotonic()))
            if step.act in USER_ACTS:
                self.users.begin(step)
            elif step.who or self._disk is not None:
                self._say(str(step))
                self._inflict(step)

    def _inflict(self, step: Step) -> None:
        swarm, disk = self._swarm, self._disk
        match step.act:
            case Act.KILL:
                swarm.kill(step.who)
                self.problems += self.copies.wrong()
            case Act.STOP:
                swarm.stop(step.who)
            case Act.START:
                swarm.start(step.who)
            case Act.FREEZE:
                swarm.freeze(step.who)
            case Act.THAW:
                swarm.thaw(step.who)
            case Act.FILL if disk is not None:
                disk.fill()
            case Act.CLEAR if disk is not None:
                disk.clear()

    def _left_in_directories(self) -> list[str]:
        """What lies in the directories of the peers, who run, and should not."""
        problems = []
        for peer in self.plan.peers:
            daemon = self._swarm.daemon(peer)
            status = daemon.ask("status") if daemon else {"shares": [], "downloads": []}
            found = files_below(self._swarm.downloads(peer))
            left = strays(found, self.copies, parts_known(status), self.users.cut_copies)
            state = self._swarm.state(peer)
            unfinished = {
                journal_path(state / JOURNALS, Path(share["path"]))
                for share in status["shares"]
                if Path(share["path"]) in parts_known(status)
            }
            left += [
                path
                for path in files_below(state)
                if path.relative_to(state).as_posix() not in OWN_FILES and path not in unfinished
            ]
            problems += [f"{path} is left behind." for path in left]
        return problems


def make_file(folder: Path, file: SharedFile, seed: int) -> Path:
    """Write a file to publish; its content depends on its name and the seed."""
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    random = Random(f"{seed} {file.name}")
    with path.open("wb") as output:
        for start in range(0, file.size, MIB):
            output.write(random.randbytes(min(MIB, file.size - start)))
    return path


def left_mounted(folder: Path) -> list[str]:
    """A sentence for everything that is still mounted below a directory."""
    return [f"{place} is still mounted." for place in mounted_below(folder)]
