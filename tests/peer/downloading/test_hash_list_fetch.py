"""The hash list of a download, asked of a few sources beside each other."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from p2pfs.chunks import HashList
from p2pfs.peer.downloading.hash_list_fetch import DOUBLING
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.peer.sources.pool import DENIAL_SECONDS
from tests.peer.download_scene import HASHES, Scene, Scenes, address

NAMES = [address(number) for number in range(4)]
NONE = HashList(4)


def begin(scene: Scenes, count: int = 4, records: Path | None = None) -> Scene:
    """A download without the hash list, of which so many sources say that they hold it all."""
    one = scene(hashes=NONE, records=records)
    one.reachable = set(NAMES[:count])
    one.start(*NAMES[:count])
    one.run(0.0)
    return one


def asked(one: Scene) -> list[str]:
    """The sources that were asked for the list so far."""
    for name, transport in one.sources.items():
        one.heard[name] += transport.take()
    return [name for name, heard in one.heard.items() if b"PEER_REQUEST_DIGESTS" in heard]


def give(one: Scene, name: str, wrong: bool = False) -> None:
    """Have a source send the list, or another one."""
    data = base64.b64encode(bytes(128) if wrong else bytes(HASHES)).decode()
    root = one.holding.info.root
    one.sources[name].say(type="PEER_REPLY_DIGESTS", filename="x", root=root, data=data)


def refuse(one: Scene, name: str) -> None:
    """Have a source say that it does not have it."""
    one.sources[name].say(type="ERROR", request="PEER_REQUEST_DIGESTS", message="no", filename="x")


def test_no_chunk_is_asked_for_before_it_is_there(scene: Scenes) -> None:
    """Nothing could be checked; and one source that gives it at once is asked alone."""
    one = begin(scene)
    [first] = asked(one)
    assert not sum(map(one.asked_for, NAMES))
    give(one, first)
    one.run(0.2)
    assert bytes(one.holding.hashes) == bytes(HASHES)
    assert asked(one) == [first]
    assert all(map(one.asked_for, NAMES))


def test_twice_as_many_are_asked_each_time_it_does_not_come(scene: Scenes) -> None:
    """The first one that is right counts, whoever was asked first."""
    one = begin(scene)
    counts = {}
    for _ in range(4):
        counts[round(one.clock.seconds(), 1)] = len(asked(one))
        one.run(HEARTBEAT)
    assert counts == {0.0: 1, 0.2: 1, 0.4: 2, 0.6: 4}, f"it doubles every {DOUBLING} s"
    give(one, asked(one)[-1])
    one.run(0.2)
    assert bytes(one.holding.hashes) == bytes(HASHES)
    assert not [each for each in one.download.explain().sources if each.error]


def test_a_wrong_list_bans_its_sender(scene: Scenes) -> None:
    """And another is asked at once."""
    one = begin(scene)
    [first] = asked(one)
    give(one, first, wrong=True)
    states = {each.address: each.state for each in one.download.explain().sources}
    assert states[first] == "banned"
    assert len(asked(one)) == 2


def test_who_does_not_have_it_is_asked_again_after_a_while(scene: Scenes) -> None:
    """It may have got it meanwhile; it is no failure to lack it."""
    one = begin(scene, count=1)
    [only] = asked(one)
    refuse(one, only)
    one.heard.clear()
    one.run(DENIAL_SECONDS - 1.0)
    assert asked(one) == []
    one.run(2.0)
    assert asked(one) == [only]
    assert not one.sources[only].aborted


def test_it_is_on_record_before_any_chunk_is_asked_for(
    scene: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it no chunk could be checked after a crash."""
    one = begin(scene, count=1, records=tmp_path)
    [only] = asked(one)
    one.clock.held = True
    give(one, only)
    one.run(0.2)
    assert one.download._hash_list.recording
    assert one.heard[only].count(b'"PEER_REQUEST_DIGESTS"') == 1
    assert not one.asked_for(only)
    one.clock.release()
    one.run(0.2)
    assert one.asked_for(only)
