"""The commands of a peer, each as it is typed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError

from p2pfs.commands import Caller
from p2pfs.errors import DownloadFailed, StorageProblem, UsageProblem
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from p2pfs.testing.swarm import TRACKER_PORT
from tests.peer.commands.console import DATA, Consoles
from tests.swarm.harness import MIB, Swarm, run, until


@ensureDeferred
async def test_publishing_reports_progress_and_can_be_cancelled(swarm: Swarm) -> None:
    """A cancelled publish leaves nothing shared."""
    peer = await swarm.peer("p")
    path = swarm.file("x.bin", 0)
    os.truncate(path, 8192 * MIB)  # sparse: only the hashing takes its time
    commands = peer_commands(peer.peer)
    seen: list[Any] = []
    running = commands.run(commands.definitions.parse(["publish", str(path)]), seen.append)
    await until(lambda: any(progress.done for progress in seen))
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await peer.peer.publisher.stop()
    assert peer.peer.library.get("x.bin") is None
    assert "x.bin" not in swarm.tracker.tracker.directory


@ensureDeferred
async def test_sharing_before_the_tracker_is_there(swarm: Swarm) -> None:
    """What is published without a tracker is listed as soon as there is one."""
    await swarm.stop(swarm.tracker)
    peer = swarm.start_peer("p")
    answer = await run(peer, f"publish {swarm.file('x.bin', 10)}")
    assert answer["published"] == [{"name": "x.bin", "listed": False}]
    tracker = swarm.start_tracker()
    await until(lambda: "x.bin" in tracker.tracker.directory)


# In simulated time


def test_there_is_a_command_for_all_that_a_peer_does(consoles: Consoles) -> None:
    """Each says in a line what it is for."""
    commands = peer_commands(consoles.source.peer)
    assert set(commands.definitions.names) == {
        *("connect", "publish", "unpublish", "list_files", "download", "status", "why"),
        *("attach", "doctor", "limit", "cancel", "exit", "shutdown", "help"),
    }
    assert all(command.summary.endswith(".") for command in commands.definitions)


def test_connecting_says_where_and_as_whom(consoles: Consoles) -> None:
    """What others will know the peer by."""
    peer = consoles.start("new", tracker=False)
    consoles.network.run(1)
    tracker = consoles.tracker_host.address
    answer = consoles.run(peer, f"connect {tracker} {TRACKER_PORT}")
    assert answer.data["tracker"] == f"tcp:{tracker}:{TRACKER_PORT}"
    assert answer.data["address"] == str(peer.peer.announcer.address)
    assert answer.lines == [
        f"Joined the tracker at {answer.data['tracker']} as {answer.data['address']}."
    ]


def test_the_list_says_what_is_here(consoles: Consoles) -> None:
    """All of a share, and nothing of what others have; only what begins as was asked."""
    consoles.path.with_name("other").write_bytes(b"content")
    consoles.run(consoles.source, f"publish {consoles.path.with_name('other')}")
    listed = consoles.run(consoles.fetcher, "list_file").data
    assert [(file["name"], file["have"]) for file in listed] == [
        ("dir/f.bin", "no"),
        ("other", "no"),
    ]
    [here] = consoles.run(consoles.source, "list_file dir/").data
    assert (here["name"], here["chunks"], here["have"]) == ("dir/f.bin", 4, "yes")
    [after] = consoles.run(consoles.source, "list_files --after dir/f.bin").data
    assert after["name"] == "other"


def test_what_is_unpublished_is_gone_from_the_list(consoles: Consoles) -> None:
    """The file itself stays where it is."""
    answer = consoles.run(consoles.source, "unpublish dir/f.bin")
    assert answer.lines == ["'dir/f.bin' is shared no more."]
    consoles.network.run(1)
    assert "dir/f.bin" not in consoles.tracker.tracker.directory
    assert consoles.path.read_bytes() == DATA


def test_a_limit_is_shown_and_set(consoles: Consoles) -> None:
    """In each direction by itself."""
    peer = consoles.source
    assert consoles.run(peer, "limit upload").data == {"upload": None, "after_restart": None}
    answer = consoles.run(peer, "limit upload 500K")
    assert (answer.data, answer.lines) == (
        {"upload": 512_000, "after_restart": 512_000},
        ["The upload rate is limited to 500.0 KiB/s, also after a restart."],
    )
    assert peer.peer.limits["upload"].rate == 512_000
    assert consoles.run(peer, "limit download").lines == ["The download rate is not limited."]
    assert consoles.run(peer, "limit upload none").data["upload"] is None


def restarted(consoles: Consoles, **settings: Any) -> PeerService:
    """The fetching peer, after a restart with such settings."""
    host = consoles.network.hosts["fetcher"]
    consoles.network.result_of(consoles.swarm.stop(host), 10)
    consoles.fetcher = consoles.swarm.start_peer(host, consoles.tracker_host, **settings)
    consoles.network.run(1)
    return consoles.fetcher


def test_a_limit_is_kept_over_a_restart(consoles: Consoles) -> None:
    """What was commanded last, also when that was to have none."""
    consoles.run(consoles.fetcher, "limit download 5M")
    consoles.run(consoles.fetcher, "limit upload 1M")
    consoles.run(consoles.fetcher, "limit upload none")
    peer = restarted(consoles)
    limits = {"upload": None, "download": 5 << 20}
    assert consoles.run(peer, "status").data["limits"] == limits


def test_an_option_at_the_start_comes_before_what_was_set_last(consoles: Consoles) -> None:
    """The answer to a limit says so; without the option, what was set last holds again."""
    consoles.run(consoles.fetcher, "limit download 5M")
    peer = restarted(consoles, download_rate=2 << 20, upload_rate=0)
    assert consoles.run(peer, "status").data["limits"] == {"upload": None, "download": 2 << 20}
    answer = consoles.run(peer, "limit download 3M")
    assert answer.data == {"download": 3 << 20, "after_restart": 2 << 20}
    assert answer.lines == [
        "The download rate is limited to 3.0 MiB/s; after a restart --download-rate makes it "
        "2.0 MiB/s again."
    ]
    answer = consoles.run(peer, "limit upload 3M")
    assert answer.lines[0].endswith("; after a restart --upload-rate makes it none again.")
    peer = restarted(consoles)
    assert consoles.run(peer, "status").data["limits"] == {
        "upload": 3 << 20,
        "download": 3 << 20,
    }


def test_a_limit_that_cannot_be_recorded_holds_all_the_same(consoles: Consoles) -> None:
    """And it is said that it does not after a restart."""
    consoles.network.hosts["fetcher"].drive.full = True
    with pytest.raises(StorageProblem, match=r"1\.0 MiB/s now, but not after a restart: The state"):
        consoles.run(consoles.fetcher, "limit download 1M")
    consoles.network.hosts["fetcher"].drive.full = False
    assert consoles.run(consoles.fetcher, "limit download").data["download"] == 1 << 20


@pytest.mark.parametrize(
    "line",
    [
        *("limit sideways", "limit upload fast", "limit upload 5", "limit upload -1M"),
        *("publish ''", "download f ''"),
    ],
)
def test_nonsense_is_refused(consoles: Consoles, line: str) -> None:
    """Rates, directions and paths are checked."""
    with pytest.raises(UsageProblem):
        consoles.run(consoles.source, line)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_tree_is_not_written_through_a_guests_links(consoles: Consoles) -> None:
    """Each file's place is looked at as it comes; the rest of the tree is fetched."""
    aim = consoles.network.hosts["fetcher"].directory / "aim"
    home = aim.with_name("home")
    for path in (aim, home):
        path.mkdir()
    for above in (aim, *aim.parents):
        if above.parts[:2] == ("/", "tmp") and above.parts != ("/", "tmp"):
            above.chmod(0o755)
    os.chown(home, 54321, -1)
    (home / "sub").symlink_to(aim)
    other = consoles.path.with_name("other")
    other.write_bytes(b"content")
    for name in ("t/sub/f", "t/g"):
        consoles.run(consoles.source, f"publish {other.rename(other.with_name(name[-1]))} {name}")
        other.write_bytes(name.encode())
    commands = peer_commands(consoles.fetcher.peer)
    guest = Caller("alice (uid 54321)", 54321, 54321, is_guest=True)
    call = commands.definitions.parse(["download", "t/", str(home)]).by(guest)
    with pytest.raises(DownloadFailed, match=r"1 of 2 files .* may not write"):
        consoles.network.result_of(commands.run(call, lambda _: None), 60)
    assert (home / "g").exists()
    assert list(aim.iterdir()) == []


def test_what_is_published_has_the_hash_that_was_asked_for(consoles: Consoles) -> None:
    """It is shown with the share, and in the list; another hash can be asked for later."""

    def shown() -> list[str]:
        [share] = consoles.run(consoles.source, "status").data["shares"]
        [file] = consoles.run(consoles.fetcher, "list_files").data
        return [share["hash"], file["hash"]]

    assert shown() == ["blake3", "blake3"]
    consoles.run(consoles.source, f"publish --hash sha256 {consoles.path} dir/f.bin")
    assert shown() == ["sha256", "sha256"]
