"""The end of a run: everything is brought back, and everybody gets everything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from p2pfs.cli.client import DaemonUnavailable
from p2pfs.errors import AlreadyExists, NotFound, P2pfsError, TrackerUnavailable
from tests.chaos.plan import TRACKER, Act, Step
from tests.chaos.swarm import NotInTime, Swarm, wait_until
from tests.chaos.users import Users

PATIENCE = 150.0
"""Seconds in which everybody must have everything. A source rests 30 s at most, a download
waits 60 s for one, and a peer tries its tracker every 15 s."""

OUT_SECONDS = 5.0
"""How long who is revoked tries in vain to get something."""


class Settling:
    """Brings back a swarm after the last fault, and has it do what was left undone."""

    def __init__(self, swarm: Swarm, users: Users) -> None:
        self._swarm = swarm
        self._users = users
        self._deadline = 0.0

    def settle(self) -> list[str]:
        """End all faults and fetch what is offered; the names of the files everybody has.

        Raises `NotInTime`, with what is lacking.
        """
        self._deadline = time.monotonic() + PATIENCE
        if self._swarm.disk is not None:
            self._swarm.disk.clear()
        wait_until("every peer has joined", self._swarm.all_joined)
        members = self._swarm.plan.members
        if members is not None and members.revoked:
            self._end_downloads(members.revoked)
        self._users.wait(self._left())
        for peer in self._swarm.plan.staying if self._swarm.is_private else ():
            self._give_up_refused(peer)
        for file in self._swarm.plan.files:
            self._users.begin(Step(0.0, Act.PUBLISH, file.publisher, file.name))
        self._users.wait(self._left())
        names = [file["name"] for file in self._ask(TRACKER, "list_files") if file["whole_copies"]]
        with ThreadPoolExecutor(len(self._swarm.plan.peers)) as pool:
            peers = self._swarm.plan.staying
            for _ in pool.map(lambda peer: self._fetch_rest(peer, names), peers):
                pass
        self._wait_until_listed(names)
        return names

    def restart(self, names: list[str]) -> None:
        """Stop and start everything in order: what is on record must be all that there is."""
        self._swarm.stop_all()
        wait_until("every peer has joined again", self._swarm.all_joined)
        self._wait_until_listed(names)

    def wrong_members(self, names: list[str]) -> list[str]:
        """What is not as the plan's members have it, a sentence each."""
        members = self._swarm.plan.members
        if members is None:
            return []
        problems = []
        words = {*self._swarm.plan.staying} - members.readers
        for peer in self._swarm.plan.staying:
            for share in self._ask(peer, "status")["shares"]:
                publisher = share["publisher"]
                if share["name"] in names and (publisher or {}).get("member") not in words:
                    problems.append(f"{peer} has '{share['name']}' by the word of {publisher}.")
        on_record = {member["name"] for member in self._ask(TRACKER, "members")}
        if on_record != {*self._swarm.plan.staying}:
            problems.append(f"The members are {sorted(on_record)}.")
        return problems + (self._let_in(members.revoked, names) if members.revoked else [])

    def _let_in(self, revoked: str, names: list[str]) -> list[str]:
        """What a peer still gets at that was revoked, a sentence each."""
        status = self._ask(revoked, "status")
        problems = [f"{revoked} is revoked, and has joined."] if status["joined_as"] else []
        held = {share["name"] for share in status["shares"]}
        for name in [name for name in names if name not in held][:1]:
            with ThreadPoolExecutor(1) as pool:
                place = self._users.place(revoked, name, 0)
                fetching = pool.submit(self._download, revoked, name, place)
                wait([fetching], OUT_SECONDS)
                with suppress(NotFound):  # it has ended
                    self._ask(revoked, "cancel", name)
                if fetching.result() is None:
                    problems.append(f"{revoked} is revoked, and got '{name}'.")
        return problems

    def _end_downloads(self, revoked: str) -> None:
        """Have a peer that was revoked not wait for its sources, which takes it a minute."""
        for transfer in self._ask(revoked, "status")["downloads"]:
            with suppress(NotFound):  # it has ended
                self._ask(revoked, "cancel", transfer["name"])

    def _give_up_refused(self, peer: str) -> None:
        """Have a peer share nothing by the word of who was revoked: it will get it by another's."""
        for share in self._ask(peer, "status")["shares"]:
            if share["state"] == "refused":
                self._ask(peer, "unpublish", share["name"])

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _ask(self, name: str, *words: str) -> Any:
        daemon = self._swarm.daemon(name)
        if daemon is None:
            raise DaemonUnavailable(f"{name} is down.")
        return daemon.ask(*words)

    def _fetch_rest(self, peer: str, names: list[str]) -> None:
        """Ask for each file until it is there; whatever stands in the way must pass in time."""
        for name in names:
            while (place := self._lacking(peer, name)) is not None:
                error = self._download(peer, name, place)
                if error is not None and (not self._left() or not _may_pass(error)):
                    raise NotInTime(f"{peer} did not get '{name}' in the end: {error}")
                if error is not None:
                    time.sleep(0.2)  # what is in the way passes by itself; then it is asked again

    def _lacking(self, peer: str, name: str) -> Path | None:
        """Where a peer should put a file that it does not have; None when it has it."""
        for share in self._ask(peer, "status")["shares"]:
            if share["name"] == name:
                return Path(share["target"]) if share["target"] else None
        return self._users.place(peer, name, 0)

    def _download(self, peer: str, name: str, place: Path) -> P2pfsError | None:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._ask(peer, "download", name, str(place), "--overwrite")
        except P2pfsError as error:
            return error
        return None

    def _wait_until_listed(self, names: list[str]) -> None:
        """Wait until the tracker knows all peers as holders of all these files."""

        def lacking() -> list[str]:
            files: list[Mapping[str, Any]] = self._ask(TRACKER, "list_files")
            copies = {file["name"]: file["whole_copies"] for file in files}
            return [name for name in names if copies.get(name) != len(self._swarm.plan.staying)]

        try:
            wait_until("the tracker lists all copies", lambda: not lacking())
        except NotInTime as error:
            raise NotInTime(f"{error} It lacks some of {', '.join(lacking())}.") from None


def _may_pass(error: P2pfsError) -> bool:
    """Whether it may be that the swarm had not recovered yet, or goes on with what was asked."""
    under_way = isinstance(error, AlreadyExists) and "is being downloaded" in str(error)
    return isinstance(error, TrackerUnavailable) or under_way
