"""``download``, ``attach`` and ``cancel``, as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.python.failure import Failure

from p2pfs.commands import PEER_COMMANDS, Caller
from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    InvalidName,
    LeftRunning,
    NotAllowed,
    NotFound,
    UsageProblem,
)
from p2pfs.peer.commands import peer_commands
from p2pfs.testing import publish
from tests.peer.commands.console import DATA, Consoles

NAME = "dir/f.bin"


def place(consoles: Consoles, name: str = "copy") -> Path:
    return consoles.network.hosts["fetcher"].directory / name


def begun(consoles: Consoles, line: str) -> list[Any]:
    """What a command comes to, which has run for a moment; empty as long as it runs."""
    outcome: list[Any] = []
    consoles.begin(consoles.fetcher, line).addBoth(outcome.append)
    consoles.network.run(1.2)
    assert outcome == []
    return outcome


def offered(consoles: Consoles, *names: str) -> None:
    """Further small files of the source."""
    for number, name in enumerate(names):
        path = consoles.path.with_name(f"{number}")
        path.write_bytes(name.encode())
        consoles.network.result_of(publish(consoles.source, path, name), 10)


def test_a_download_says_what_came_from_whom(consoles: Consoles) -> None:
    """And meanwhile how far it is, which ends with all of it."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    answer = consoles.run(consoles.fetcher, f"download dir/f.bin {target}")
    address = str(consoles.source.peer.announcer.address)
    assert (answer.data["path"], answer.data["size"]) == (str(target), len(DATA))
    assert answer.data["sources"] == {address: len(DATA)}
    assert f"  195.3 KiB from {address}" in answer.lines
    assert target.read_bytes() == DATA
    done = [report.done for report in consoles.reports]
    assert done == sorted(done)
    assert len(set(done)) > 2
    last = consoles.reports[-1]
    assert (last.label, last.done, last.total) == ("dir/f.bin", len(DATA), len(DATA))


@pytest.mark.parametrize("target", ["", "/"])
def test_a_directory_as_target_gets_the_last_part_of_the_name(
    consoles: Consoles, target: str
) -> None:
    """One that is there, and one that is meant."""
    folder = consoles.network.hosts["fetcher"].directory / "into"
    folder.mkdir()
    answer = consoles.run(consoles.fetcher, f"download dir/f.bin {folder}{target}")
    assert answer.data["path"] == str(folder / "f.bin")


def test_all_below_a_name_is_one_download(consoles: Consoles) -> None:
    """And what is there already is not fetched again."""
    target = consoles.network.hosts["fetcher"].directory / "tree"
    first = consoles.run(consoles.fetcher, f"download dir/ {target}").data
    assert (first["files"], first["already_there"], first["size"]) == (1, 0, len(DATA))
    assert (target / "f.bin").read_bytes() == DATA
    again = consoles.run(consoles.fetcher, f"download dir/ {target}")
    assert (again.data["files"], again.data["already_there"]) == (0, 1)
    assert again.lines == [f"{target}: 0 files, 0 B, 1 were there already"]


def test_a_download_can_be_cancelled_by_its_name(consoles: Consoles) -> None:
    """Who waits for it is told, and what came stays."""
    target = consoles.network.hosts["fetcher"].directory / "copy"
    running = consoles.begin(consoles.fetcher, f"download dir/f.bin {target}")
    failures: list[Any] = []
    running.addErrback(failures.append)
    consoles.network.run(1.2)
    consoles.run(consoles.fetcher, "cancel dir/f.bin")
    consoles.network.run(1)
    assert failures[0].check(Cancelled)
    assert 0 < len(consoles.fetcher.peer.library["dir/f.bin"].chunks) < 4
    with pytest.raises(NotFound):
        consoles.run(consoles.fetcher, "cancel dir/f.bin")


def test_what_is_there_already_is_success_in_a_word(consoles: Consoles) -> None:
    """Scripts run twice; with and without --overwrite."""
    target = place(consoles)
    first = consoles.run(consoles.fetcher, f"download {NAME} {target}")
    assert first.data["already_there"] is False
    for option in ("", " --overwrite"):
        again = consoles.run(consoles.fetcher, f"download {NAME} {target}{option}")
        there, publisher = again.lines
        assert there == f"{target} is there already, and right: 195.3 KiB"
        assert publisher == f"  published by the key {again.data['publisher']['key'][:16]}"
        assert (again.data["already_there"], again.data["sources"]) == (True, {})


@pytest.mark.parametrize("how", ["download {} {}", "attach {}"])
def test_who_watches_may_go_away(consoles: Consoles, how: str) -> None:
    """What was asked for goes on, and it is said how to see or end it."""
    target = place(consoles)
    begun(consoles, f"download {NAME} {target}")
    watching = consoles.begin(consoles.fetcher, how.format(NAME, target))
    consoles.network.run(0.3)
    watching.cancel()
    with pytest.raises(LeftRunning) as caught:
        consoles.network.result_of(watching, 1)
    assert "goes on" in str(caught.value) or "is downloaded on" in str(caught.value)
    assert f"'attach {NAME}'" in str(caught.value)
    assert f"'cancel {NAME}'" in str(caught.value)
    answer = consoles.run(consoles.fetcher, f"attach {NAME}")
    assert answer.data["path"] == str(target)
    assert target.read_bytes() == DATA


def test_the_same_download_is_watched_and_not_refused(consoles: Consoles) -> None:
    """Both get the answer; to another place it is refused."""
    target = place(consoles)
    first = begun(consoles, f"download {NAME} {target}")
    with pytest.raises(AlreadyExists, match="is being downloaded to"):
        consoles.run(consoles.fetcher, f"download {NAME} {place(consoles, 'elsewhere')}")
    again = consoles.run(consoles.fetcher, f"download {NAME} {target}")
    assert first[0].data == again.data


def test_a_download_can_be_left_to_the_daemon_at_once(consoles: Consoles) -> None:
    """With a word on how to go on."""
    target = place(consoles)
    answer = consoles.run(consoles.fetcher, f"download {NAME} {target} --detach")
    assert answer.data == {"name": NAME, "path": str(target), "state": "running"}
    assert answer.lines == [
        f"'{NAME}' is downloaded to {target}.",
        f"'attach {NAME}' watches it, 'status' shows how far, 'cancel {NAME}' ends it.",
    ]
    assert consoles.run(consoles.fetcher, f"attach {NAME}").data["size"] == len(DATA)
    assert target.read_bytes() == DATA


def test_attaching_to_what_has_ended_tells_how(consoles: Consoles) -> None:
    """If that is remembered; else it says so."""
    consoles.run(consoles.fetcher, f"download {NAME} {place(consoles)} --detach")
    consoles.network.run(20)
    assert consoles.run(consoles.fetcher, f"attach {NAME}").data["size"] == len(DATA)
    consoles.run(consoles.fetcher, f"download nothing {place(consoles, 'n')} --detach")
    consoles.network.run(1)
    with pytest.raises(NotFound, match="Nobody offers 'nothing'"):
        consoles.run(consoles.fetcher, "attach nothing")
    assert consoles.reports == []
    with pytest.raises(NotFound, match="No download of 'other' is under way"):
        consoles.run(consoles.fetcher, "attach other")


def test_a_name_that_is_to_come_can_be_waited_for(consoles: Consoles) -> None:
    """And what is before it in the list goes ahead."""
    running = consoles.begin(consoles.fetcher, f"download later {place(consoles)} --wait-for")
    consoles.network.run(100)
    assert not running.called
    last = consoles.reports[-1]
    assert last.note == "nobody offers it yet"
    assert last.detail.startswith("looked for again in ")
    offered(consoles, "later")
    answer = consoles.network.result_of(running, 20)
    assert answer.data["size"] == 5


def test_several_are_one_command(consoles: Consoles) -> None:
    """With one progress, and what each came to; a directory beside them has its own place."""
    offered(consoles, "a", "b", "t/c")
    into = place(consoles, "into")
    answer = consoles.run(consoles.fetcher, f"download {NAME} a t/ {into.parent}/")
    assert [data["path"] for data in answer.data["downloads"]] == [
        str(into.parent / name) for name in ("f.bin", "a", "t")
    ]
    assert len([line for line in answer.lines if "195.3 KiB in" in line]) == 1
    assert (into.parent / "t" / "c").read_bytes() == b"t/c"
    last = consoles.reports[-1]
    assert (last.label, last.note) == ("3 downloads", "3 of 3 have ended")
    assert last.done == last.total == len(DATA) + 1 + 3
    assert any(f", '{NAME}': " in report.note for report in consoles.reports)


def test_of_several_some_may_fail(consoles: Consoles) -> None:
    """The others are fetched; the first that failed is named, and how many did."""
    offered(consoles, "a")
    into = place(consoles, "x").parent
    with pytest.raises(DownloadFailed) as caught:
        consoles.run(consoles.fetcher, f"download no1 a no2 {into}/")
    assert str(caught.value).startswith("2 of 3 downloads failed; the first, 'no1': Nobody offers")
    assert (into / "a").read_bytes() == b"a"


def test_several_left_to_the_daemon(consoles: Consoles) -> None:
    """And watched again, and cancelled, by all their names."""
    offered(consoles, "a")
    into = place(consoles, "x").parent
    answer = consoles.run(consoles.fetcher, f"download {NAME} a {into}/ --detach")
    assert [data["name"] for data in answer.data] == [NAME, "a"]
    assert f"'attach {NAME} a' watches them" in answer.lines[-1]
    watching = consoles.begin(consoles.fetcher, f"attach {NAME} a")
    consoles.network.run(0.5)
    watching.cancel()
    with pytest.raises(LeftRunning, match="The downloads go on in the daemon"):
        consoles.network.result_of(watching, 1)
    both = consoles.run(consoles.fetcher, f"attach {NAME} a").data["downloads"]
    assert [data["name"] for data in both] == [NAME, "a"]


def test_several_can_be_cancelled(consoles: Consoles) -> None:
    """Those that there are; the others are told of."""
    into = place(consoles, "x").parent
    line = f"download {NAME} later other {into}/ --wait-for --detach"
    consoles.run(consoles.fetcher, line)
    answer = consoles.run(consoles.fetcher, "cancel later other")
    assert answer.data == {"cancelled": ["later", "other"]}
    with pytest.raises(DownloadFailed, match="1 of 2 downloads were not cancelled"):
        consoles.run(consoles.fetcher, f"cancel no {NAME}")
    consoles.network.run(1)
    assert list(consoles.fetcher.peer.queue.book) == []


def test_nothing_is_kept_of_who_watched(consoles: Consoles) -> None:
    """However often that is done."""
    into = place(consoles, "x").parent
    consoles.run(consoles.fetcher, f"download later other {into}/ --wait-for --detach")
    watching = consoles.begin(consoles.fetcher, "attach later other")
    consoles.network.run(0.5)
    entries = list(consoles.fetcher.peer.queue.book)
    assert [len(entry.awaiting_end) for entry in entries] == [1, 1]
    watching.cancel()
    watching.addErrback(lambda failure: failure.trap(LeftRunning))
    assert [len(entry.awaiting_end) for entry in entries] == [0, 0]


def test_who_asked_is_on_record(consoles: Consoles) -> None:
    """As far as the surface knows."""
    commands = peer_commands(consoles.fetcher.peer)
    words = ["download", NAME, str(place(consoles)), "--detach"]
    call = PEER_COMMANDS.parse(words).by(Caller("ann (uid 1000)", 1000, 100))
    consoles.network.result_of(commands.run(call, lambda _: None), 10)
    [order] = consoles.fetcher.peer.store.load().orders
    assert (order.who, order.uid, order.gid) == ("ann (uid 1000)", 1000, 100)


@pytest.mark.parametrize("line", ["download {} {}/copy", "download {} {}/sub/ --detach"])
def test_a_guest_has_nothing_written_where_they_may_not_write(
    consoles: Consoles, line: str
) -> None:
    """It is said at once, and no order is given."""
    commands = peer_commands(consoles.fetcher.peer)
    into = place(consoles, "x").parent
    (into / "sub").mkdir()
    guest = Caller("alice (uid 54321)", 54321, 54321, is_guest=True)
    call = PEER_COMMANDS.parse_line(line.format(NAME, into)).by(guest)
    with pytest.raises(NotAllowed, match=" may not "):
        consoles.network.result_of(commands.run(call, lambda _: None), 10)
    assert list(consoles.fetcher.peer.queue.book) == []


def test_the_daemon_stops_while_somebody_watches(consoles: Consoles) -> None:
    """It goes on later, and that is said; not that it failed."""
    offered(consoles, "a")
    outcome = begun(consoles, f"download {NAME} a {place(consoles, 'x').parent}/")
    consoles.network.result_of(consoles.swarm.stop(consoles.network.hosts["fetcher"]), 30)
    [failure] = outcome
    assert isinstance(failure, Failure)
    assert failure.check(LeftRunning)
    assert "goes on when it is started again" in str(failure.value)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("download ../f {}", InvalidName),
        ("download d// {}", InvalidName),
        ("download a b {}/not-there", UsageProblem),
        ("download a/f b/f {}/", UsageProblem),
        ("download f ''", UsageProblem),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_begins(
    consoles: Consoles, line: str, error: type[Exception]
) -> None:
    """Names, and places for several."""
    with pytest.raises(error):
        consoles.run(consoles.fetcher, line.format(place(consoles, "x").parent))
    assert list(consoles.fetcher.peer.queue.book) == []
