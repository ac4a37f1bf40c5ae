"""Every command, with whatever paths, names and numbers can be: each gets its sentence.

None answers that an internal error ended it, at any of its surfaces.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # nobody may read where Python lies
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.interfaces import IHostnameResolver
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.commands import Definition, Kind, Parameter
from p2pfs.console.command import CommandSet
from p2pfs.console.json_text import json_text
from p2pfs.console.problems import Problem, problem_of
from p2pfs.errors import P2pfsError, StorageProblem
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network
from p2pfs.tracker.commands import tracker_commands
from p2pfs.tracker.service import TrackerService
from tests.conftest import LoggedFailures
from tests.console.control.client import connected
from tests.peer.commands.console import Consoles
from tests.swarm.harness import Swarm, run
from tests.swarm.odd_words import HOSTS, NAMES, NUMBERS, WHOLE_SYSTEM, as_nobody, odd_directory

LONG = "y" * 300
"""A name that is offered, and is too long for a file system."""

ENDS = ("exit", "shutdown")
"""Commands after which no other is answered."""


@implementer(IHostnameResolver)
class NoNames:
    """Knows no host by its name, and has none wait for a server that does."""

    def resolveHostName(self, receiver: Any, host: str, *args: Any, **more: Any) -> Any:
        class Resolution:
            name = host

            def cancel(self) -> None:
                """It is over already."""

        receiver.resolutionBegan(resolution := Resolution())
        receiver.resolutionComplete()
        return resolution


class Typist:
    """Gives commands to the daemons of a swarm, and notes those that were not answered well."""

    def __init__(self, swarm: Swarm, peer: PeerService) -> None:
        self.swarm = swarm
        self.peer = peer
        self.paths = odd_directory(swarm.directory / "odd")
        self.failed = 0
        self.wrong: list[str] = []

    @property
    def daemons(self) -> list[tuple[PeerService | TrackerService, CommandSet]]:
        """Both, and their commands."""
        tracker = self.swarm.tracker
        return [
            (self.peer, peer_commands(self.peer.peer)),
            (tracker, tracker_commands(tracker.tracker, tracker.listen_also)),
        ]

    def lines(self, command: Definition) -> list[list[str]]:
        """A command as it may be given: each argument whatever it can be, the others as usual."""
        found = [[command.name]]
        for at, odd in enumerate(command.parameters):
            before = [_usual(parameter) for parameter in command.parameters[:at]]
            after = [_usual(p) for p in command.parameters[at + 1 :] if not p.optional]
            for word in self._whatever(command, odd):
                found += [[command.name, *before, word, *after]]
                found += [[command.name, "--", *before, word, *after]]
        usual = [_usual(parameter) for parameter in command.parameters]
        for option in command.options:
            for word in NAMES + NUMBERS:
                found += [[command.name, f"--{option.name}={word}", *usual]]
                found += [[command.name, f"--{option.name}", word, *usual]]
        return found

    def _whatever(self, command: Definition, parameter: Parameter) -> list[str]:
        if parameter.kind is Kind.PATH:  # all that this machine has is not to be published
            few = WHOLE_SYSTEM if command.name == "publish" else ()
            return [path for path in self.paths if path not in few]
        if parameter.name in ("port", "rate"):
            return NUMBERS
        return HOSTS + NAMES if parameter.name == "host" else NAMES

    async def at_prompt(self, commands: CommandSet, words: list[str]) -> None:
        """Give a command as the Python prompt and SSH do."""
        try:
            answer = await commands.run(commands.definitions.parse(words), lambda progress: None)
            json_text(answer.data)
        except Exception:
            problem = problem_of(Failure(), words[0], Logger())
            self._judge(words, problem.kind, problem.sentence, Failure().getTraceback())

    async def at_socket(self, client: Any, words: list[str]) -> Any:
        """Give a command as the program ``p2pfs`` does; what is answered."""
        answer = await client.ask({"words": words})
        while "progress" in answer:
            answer = await client.next()
        if "error" in answer:
            self._judge(words, answer["kind"], answer["error"])
        return answer.get("answer")

    def _judge(self, words: list[str], kind: str, sentence: str, trace: str = "") -> None:
        self.failed += 1
        is_whole = sentence.endswith(".") or "usage: " in sentence
        if kind == "InternalError" or not (is_whole and sentence.isprintable()):
            self.wrong.append(f"{[word[:80] for word in words]}: {kind}: {sentence} {trace[-900:]}")


def _usual(parameter: Parameter) -> str:
    usual = {"port": "1", "direction": "upload", "name": "good"}
    return usual.get(parameter.name, "x")


@pytest.fixture
def consoles(network: Network) -> Consoles:
    """A source that shares ``dir/f.bin``, and who may fetch it, in simulated time."""
    return Consoles(network)


@pytest_twisted.async_yield_fixture()
async def typist(place: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Typist]:
    """A peer that may fetch what another offers, and its user, for whom permissions count."""
    place.chmod(0o777)
    (place / "here").mkdir(mode=0o777)
    monkeypatch.chdir(place / "here")
    monkeypatch.setenv("HOME", str(place / "here"))
    swarm = Swarm(place)
    swarm.start_tracker()
    source, peer = await swarm.peer("source"), await swarm.peer("peer")
    peer.settings.state.chmod(0o777)
    file = swarm.file("good", 1000)
    for name in ("good", LONG, "tree/good", f"tree/{LONG}", f"tree/{LONG}/below"):
        await run(source, f"publish {file} {name}")
    before = reactor.installNameResolver(NoNames())
    yield Typist(swarm, peer)
    reactor.installNameResolver(before)
    await swarm.stop_all()


@ensureDeferred
async def test_every_command_has_a_sentence_for_whatever_is_typed(
    typist: Typist, logged_failures: LoggedFailures
) -> None:
    """At the Python prompt and over SSH, where text may be what no JSON can have."""
    for _, commands in typist.daemons:
        for command in commands.definitions:
            for words in typist.lines(command):
                if command.name not in ENDS:
                    with as_nobody():
                        await typist.at_prompt(commands, words)
    logged_failures.flush()
    assert not typist.wrong, "\n\n".join(typist.wrong)
    assert typist.failed > 1000
    assert typist.peer.peer.announcer.joined  # or else most was answered without looking


@ensureDeferred
async def test_every_answer_fits_through_the_control_socket(
    typist: Typist, logged_failures: LoggedFailures
) -> None:
    """In JSON, whatever it says."""
    for daemon, commands in typist.daemons:
        client = await connected(daemon)
        for command in commands.definitions:
            for words in typist.lines(command)[::2]:
                if command.name not in ENDS:
                    with as_nobody():
                        await typist.at_socket(client, words)
        await client.hang_up()
    logged_failures.flush()
    assert not typist.wrong, "\n\n".join(typist.wrong)
    assert typist.failed > 500


@ensureDeferred
async def test_it_is_told_which_file_has_a_name_that_is_no_text(typist: Typist) -> None:
    """To people and scripts alike."""
    client = await connected(typist.peer)
    folder = typist.swarm.directory / "odd" / "odd-names"
    answer = await typist.at_socket(client, ["publish", str(folder)])
    await client.hang_up()
    [about] = [line for line in answer["data"]["skipped"] if "bad" in line]
    assert about.startswith(f"{folder}/bad\\udcff.bin was skipped: ")
    assert about in answer["lines"]
    assert "odd-names/good" in typist.swarm.tracker.tracker.directory


@pytest.mark.parametrize("into", ["/", ""])
@ensureDeferred
async def test_a_directory_that_may_not_be_entered_is_told(typist: Typist, into: str) -> None:
    """Before anything is fetched."""
    commands = peer_commands(typist.peer.peer)
    closed = typist.swarm.directory / "odd" / "closed"
    with as_nobody(), pytest.raises(P2pfsError) as told:
        await commands.run(
            commands.definitions.parse(["download", "good", f"{closed}/in{into}"]), print
        )
    assert str(told.value).startswith(f"Cannot use {closed}/in: permission denied;")


@ensureDeferred
async def test_a_name_that_no_file_may_have_is_told_before_anything_is_fetched(
    typist: Typist,
) -> None:
    """And nothing is left of it."""
    with pytest.raises(StorageProblem, match="the name is too long for the file system"):
        await run(typist.peer, f"download {LONG} .")
    assert typist.peer.peer.library.get(LONG) is None
    assert not list((typist.swarm.directory / "here").iterdir())


@pytest.mark.parametrize("fault", ["full", "read", "write", "sync"])
def test_a_disk_that_refuses_is_told(
    consoles: Consoles, fault: str, logged_failures: LoggedFailures
) -> None:
    """Whatever it refuses, and whichever command needs it."""
    network, drive = consoles.network, consoles.network.hosts["fetcher"].drive
    folder = network.hosts["fetcher"].directory
    (folder / "file").write_bytes(b"content")
    (folder / "shared").write_bytes(b"content")
    consoles.run(consoles.fetcher, f"publish {folder / 'shared'}")
    drive.full = fault == "full"
    drive.failing = frozenset({fault} - {"full"})
    refused = 0
    for line in (
        *(f"publish {folder / 'file'}", f"publish {folder} all", f"download dir/f.bin {folder}/"),
        *(f"download dir/f.bin {folder / 'copy'}", f"download dir/ {folder / 'tree'}"),
        *(f"download dir/ {folder}", f"download shared {folder / 'again'}", "unpublish shared"),
        *("status", "why dir/f.bin", "why shared", "cancel dir/f.bin", "list_file"),
    ):
        outcome = consoles.begin(consoles.fetcher, line).addErrback(problem_of, line, Logger())
        outcome = network.result_of(outcome, 100)
        if isinstance(outcome, Problem):
            refused += 1
            assert outcome.kind != "InternalError", line
            assert outcome.sentence.endswith(".")
    logged_failures.flush()
    assert refused > 2
