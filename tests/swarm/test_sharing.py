"""The main job: publishing, listing and downloading between real services."""

from __future__ import annotations

import os

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.errors import AlreadyExists, NotFound, P2pfsError, Refused, StorageProblem, UsageProblem
from tests.swarm.harness import MIB, Swarm, download, has_part_files, publish, run, sha256, until


@ensureDeferred
async def test_a_published_file_is_listed_and_fetched(swarm: Swarm) -> None:
    """The file arrives whole under its final name, and no part file stays."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    path = swarm.file("x.bin", 5 * MIB + 123)
    assert await publish(source, path) == ["x.bin"]
    listed = await run(fetcher, "list_file")
    [file] = listed
    assert file.pop("age") < 60
    assert file == {
        **{"name": "x.bin", "size": 5 * MIB + 123, "chunks": 6, "hash": "blake3"},
        "have": "no",
    }
    target = swarm.directory / "copy.bin"
    fetched = await download(fetcher, "x.bin", target)
    assert target.read_bytes() == path.read_bytes()
    assert fetched.sources == {str(source.peer.announcer.address): 5 * MIB + 123}
    assert not has_part_files(swarm.directory)
    assert (await run(fetcher, "list_file"))[0]["have"] == "yes"


@ensureDeferred
async def test_a_downloader_becomes_a_holder(swarm: Swarm) -> None:
    """What was fetched can be fetched from the fetcher once the publisher is gone."""
    source, fetcher, third = [await swarm.peer(name) for name in "abc"]
    path = swarm.file("x.bin", 3 * MIB)
    await publish(source, path)
    await download(fetcher, "x.bin", swarm.directory / "b.bin")
    await swarm.stop(source)
    await until(lambda: len(swarm.tracker.tracker.directory["x.bin"].holders) == 1)
    await download(third, "x.bin", swarm.directory / "c.bin")
    assert sha256(swarm.directory / "c.bin") == sha256(path)


@ensureDeferred
async def test_chunks_come_from_all_sources_at_once(swarm: Swarm) -> None:
    """With three whole copies every source contributes."""
    path = swarm.file("x.bin", 48 * MIB)
    sources = [await swarm.peer(name) for name in "abc"]
    for source in sources:
        await publish(source, path)
    fetched = await download(await swarm.peer("f"), "x.bin", swarm.directory / "f.bin")
    assert set(fetched.sources) == {str(source.peer.announcer.address) for source in sources}
    assert all(count >= 4 * MIB for count in fetched.sources.values())


@ensureDeferred
async def test_an_empty_file(swarm: Swarm) -> None:
    """A file without chunks is published and fetched like any other."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    await publish(source, swarm.file("empty", 0))
    await download(fetcher, "empty", swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == b""
    both = {str(source.peer.announcer.address), str(fetcher.peer.announcer.address)}
    await until(lambda: set(swarm.tracker.tracker.directory["empty"].holders) == both)


@ensureDeferred
async def test_a_directory_is_published_and_fetched_whole(swarm: Swarm) -> None:
    """Every regular file below the directory, under dir/…, and nothing else."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    for number in range(40):
        swarm.file(f"tree/sub{number % 3}/f{number}", 1000 + number, seed=number)
    swarm.file("tree/big", 3 * MIB)
    os.symlink("big", swarm.directory / "tree/link")
    os.mkfifo(swarm.directory / "tree/pipe")
    swarm.file("tree/back\\slash", 5)
    answer = await run(source, f"publish {swarm.directory / 'tree'}")
    assert len(answer["published"]) == 41
    assert len(answer["skipped"]) == 3
    fetched = await run(fetcher, f"download tree/ {swarm.directory / 'copy'}")
    assert fetched["files"] == 41
    for number in range(40):
        name = f"sub{number % 3}/f{number}"
        assert sha256(swarm.directory / "copy" / name) == sha256(swarm.directory / "tree" / name)
    again = await run(fetcher, f"download tree/ {swarm.directory / 'copy'}")
    assert (again["files"], again["already_there"]) == (0, 41)


@ensureDeferred
async def test_a_directory_as_target_keeps_the_name(swarm: Swarm) -> None:
    """`download x dir` and `download x dir/` put it into the directory."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    await publish(source, swarm.file("x.bin", 10), "deep/x.bin")
    (swarm.directory / "into").mkdir()
    assert (await run(fetcher, f"download deep/x.bin {swarm.directory / 'into'}"))["path"] == str(
        swarm.directory / "into" / "x.bin"
    )


@ensureDeferred
async def test_an_existing_target_is_an_error_unless_overwrite(swarm: Swarm) -> None:
    """Nothing of the user's is replaced without being asked for."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    path = swarm.file("x.bin", MIB)
    await publish(source, path)
    target = swarm.file("mine", 5)
    before = target.read_bytes()
    with pytest.raises(AlreadyExists, match="--overwrite"):
        await run(fetcher, f"download x.bin {target}")
    assert target.read_bytes() == before
    assert source.peer.serving.uploads.total == 0  # it is told at once, not after the transfer
    await run(fetcher, f"download x.bin {target} --overwrite")
    assert sha256(target) == sha256(path)


@ensureDeferred
async def test_a_target_that_appears_meanwhile_is_not_replaced(swarm: Swarm) -> None:
    """The last look at the target is the rename itself."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    await publish(source, swarm.file("x.bin", 24 * MIB))
    target = swarm.directory / "copy"
    job, fetched = fetcher.peer.downloads.start("x.bin", target)
    await until(lambda: job.done)
    target.write_bytes(b"mine")
    with pytest.raises(AlreadyExists):
        await fetched
    assert target.read_bytes() == b"mine"


@ensureDeferred
async def test_errors_say_what_to_do(swarm: Swarm) -> None:
    """Unknown files, missing directories and unreadable sources are one sentence each."""
    peer = await swarm.peer("a")
    with pytest.raises(NotFound, match="Nobody offers 'nix'; 'list_files'"):
        await run(peer, f"download nix {swarm.directory / 'x'}")
    with pytest.raises(NotFound, match="Nobody offers anything below"):
        await run(peer, f"download nix/ {swarm.directory / 'x'}")
    with pytest.raises(StorageProblem, match="it is not there"):
        await run(peer, f"publish {swarm.directory / 'nix'}")
    await publish(peer, swarm.file("x.bin", 5))
    other = await swarm.peer("b")
    with pytest.raises(StorageProblem, match="create it"):
        await run(other, f"download x.bin {swarm.directory / 'no' / 'dir' / 'x'}")
    with pytest.raises(NotFound, match="does not share 'nix'"):
        await run(peer, "unpublish nix")
    with pytest.raises(NotFound, match="not being downloaded"):
        await run(peer, "cancel x.bin")


@ensureDeferred
async def test_another_content_under_a_listed_name_is_refused(swarm: Swarm) -> None:
    """The refused publisher does not keep sharing it on the sly."""
    first, second = await swarm.peer("a"), await swarm.peer("b")
    await publish(first, swarm.file("x.bin", 10, seed=1))
    with pytest.raises(Refused, match="Another content"):
        await publish(second, swarm.file("other", 10, seed=2), "x.bin")
    assert second.peer.library.get("x.bin") is None
    assert list(swarm.tracker.tracker.directory["x.bin"].holders) == [
        str(first.peer.announcer.address)
    ]


@ensureDeferred
async def test_unpublish(swarm: Swarm) -> None:
    """An unpublished file is delisted and not served any more."""
    source, other = await swarm.peer("a"), await swarm.peer("b")
    await publish(source, swarm.file("x.bin", 10))
    await run(source, "unpublish x.bin")
    assert await run(other, "list_file") == []
    assert (await run(source, "status"))["shares"] == []


@ensureDeferred
async def test_an_edited_file_can_be_published_again(swarm: Swarm) -> None:
    """The new content replaces the old one under the same name."""
    source, other = await swarm.peer("a"), await swarm.peer("b")
    path = swarm.file("x.bin", 10, seed=1)
    await publish(source, path)
    swarm.file("x.bin", 2000, seed=2)
    await publish(source, path)
    await download(other, "x.bin", swarm.directory / "copy")
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_downloading_what_this_peer_shares_copies_it(swarm: Swarm) -> None:
    """No source is needed for bytes that lie on this machine."""
    peer = await swarm.peer("a")
    path = swarm.file("x.bin", 3 * MIB)
    await publish(peer, path)
    fetched = await download(peer, "x.bin", swarm.directory / "copy")
    assert sha256(swarm.directory / "copy") == sha256(path)
    assert fetched.sources == {}
    assert peer.peer.library["x.bin"].path == path


@ensureDeferred
async def test_the_same_file_is_not_downloaded_twice_at_once(swarm: Swarm) -> None:
    """Two downloads must not write to one part file."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    await publish(source, swarm.file("x.bin", 8 * MIB))
    _, first = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    with pytest.raises(AlreadyExists, match="just now"):
        await download(fetcher, "x.bin", swarm.directory / "other")
    await first


@ensureDeferred
async def test_cancel_keeps_what_came_and_a_later_download_goes_on(swarm: Swarm) -> None:
    """A cancelled download leaves a part file from which the next one continues."""
    source, fetcher = await swarm.peer("a"), await swarm.peer("b")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done >= 8 * MIB)
    await run(fetcher, "cancel x.bin")
    with pytest.raises(P2pfsError, match="cancelled"):
        await fetched
    await until(lambda: not fetcher.peer.downloads.jobs)
    kept = job.done
    assert 8 * MIB <= kept < 64 * MIB
    again = await download(fetcher, "x.bin", swarm.directory / "copy")
    assert sum(again.sources.values()) == 64 * MIB - kept
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_the_peers_own_state_is_never_shared(swarm: Swarm) -> None:
    """A home directory can be published without giving away the console's keys."""
    peer = await swarm.peer("home/state")
    swarm.file("home/x.bin", 10)
    answer = await run(peer, f"publish {swarm.directory / 'home'}")
    assert [file["name"] for file in answer["published"]] == ["home/x.bin"]
    state = swarm.directory / "home" / "state"
    assert answer["skipped"] == [f"{state} was skipped: it is this peer's state."]
    for inside in ("home/state", "home/state/peer.sqlite"):
        with pytest.raises(UsageProblem, match="own state"):
            await run(peer, f"publish {swarm.directory / inside}")
