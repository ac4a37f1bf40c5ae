"""Whose a name is, when another content is to have it."""

from __future__ import annotations

import pytest

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import Refused
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.quotas import OverQuota, Quotas

INFO, OTHER = FileInfo(10, 5, 2, "ab" * 32), FileInfo(12, 6, 2, "cd" * 32)


def joined() -> Directory:
    """A directory that one peer has joined."""
    directory = Directory()
    directory.join("a:1")
    return directory


def dead() -> Directory:
    """The publisher of `f` has left at 100 s, while somebody has two chunks of it."""
    directory = joined()
    for peer in ("p:1", "m:1"):
        directory.join(peer, identity=f"key of {peer}")
    directory.publish("p:1", "f", INFO, 0.0)
    directory.add_chunks("m:1", "f", None, None, b"\xc0", 1.0)
    directory.leave("p:1", 100.0)
    return directory


def test_the_name_of_a_dead_content_is_kept_for_its_publisher_and_then_free() -> None:
    """A short outage costs nobody a name; who had a part of the old has nothing to do with it."""
    directory = dead()
    with pytest.raises(Refused, match=r"Nobody here has all.*for another 1 s"):
        directory.publish("a:1", "f", OTHER, 159.5)
    assert directory["f"].info == INFO
    directory.publish("a:1", "f", OTHER, 160.0)
    assert directory["f"].info == OTHER
    assert dict(directory["f"].holders) == {"a:1": ChunkSet.full(6)}
    assert directory.held_by("m:1") == {}
    with pytest.raises(Refused, match=r"Another content is listed .* held by a:1; "):
        directory.add_chunks("m:1", "f", INFO, None, b"\xc0", 161.0)
    directory.leave("m:1", 162.0)
    assert "f" in directory


def test_a_publisher_that_comes_back_has_its_name() -> None:
    """With the old content, or at once with a new one: nobody else was waited for."""
    directory = dead()
    directory.join("p:2", identity="key of p:1")
    directory.publish("p:2", "f", OTHER, 110.0)
    assert directory["f"].info == OTHER
    directory = dead()
    directory.join("p:1", identity="another key")
    with pytest.raises(Refused, match="for another 50 s"):
        directory.publish("p:1", "f", OTHER, 110.0)
    directory.join("p:2", identity="key of p:1")
    directory.publish("p:2", "f", INFO, 120.0)
    with pytest.raises(Refused, match="held by p:2, m:1; "):
        directory.publish("p:1", "f", OTHER, 1000.0)


def test_of_two_that_left_none_can_take_the_name_from_the_other() -> None:
    """Whoever claims to have it all, and leaves, is not the only one who may come back."""
    for first, second in (("p:1", "thief:1"), ("thief:1", "p:1")):
        directory = joined()
        for peer in ("p:1", "m:1", "thief:1"):
            directory.join(peer)
            directory.publish(peer, "f", INFO, 0.0)
        directory.unpublish("m:1", "f")
        directory.add_chunks("m:1", "f", None, 0, None, 1.0)
        directory.leave(first, 100.0)
        directory.leave(second, 101.0)
        directory.join("thief:1")
        with pytest.raises(Refused, match="kept for another"):
            directory.publish("thief:1", "f", OTHER, 102.0)


def test_a_content_given_up_is_not_kept() -> None:
    """Who unpublishes does not come back, and leaves of those with a part have cost nothing."""
    directory = joined()
    for peer in ("p:1", "m:1", "n:1"):
        directory.join(peer)
    directory.publish("p:1", "f", INFO, 0.0)
    directory.add_chunks("m:1", "f", None, 0, None, 1.0)
    directory.add_chunks("n:1", "f", None, 1, None, 1.0)
    directory.leave("n:1", 2.0)
    directory.unpublish("p:1", "f")
    directory.publish("p:1", "f", OTHER, 3.0)
    assert list(directory["f"].holders) == ["p:1"]


def test_parts_that_make_up_the_whole_hold_the_name() -> None:
    """A crowd whose publisher has left goes on; so does it once one of it comes back in time."""
    directory = dead()
    directory.join("n:1")
    directory.add_chunks("n:1", "f", None, None, b"\x38", 110.0)
    with pytest.raises(Refused, match=r"held by m:1, n:1; "):
        directory.publish("a:1", "f", OTHER, 1000.0)
    directory.leave("n:1", 1000.0)
    with pytest.raises(Refused, match="kept for another 60 s"):
        directory.publish("a:1", "f", OTHER, 1000.0)
    directory.publish("a:1", "f", OTHER, 1060.0)
    assert directory["f"].info == OTHER


def test_a_part_that_comes_first_after_a_restart_keeps_the_name_for_the_rest() -> None:
    """A blank tracker hears of the whole copy some seconds later."""
    directory = joined()
    directory.join("m:1")
    directory.add_chunks("m:1", "f", INFO, 0, None, 5.0)
    with pytest.raises(Refused, match="kept for another 60 s"):
        directory.publish("a:1", "f", OTHER, 5.0)
    directory.publish("a:1", "f", OTHER, 65.0)
    assert directory["f"].info == OTHER


def test_replacing_is_charged_like_anything_else() -> None:
    """What is refused for a quota leaves the old content; each former holder has its own back."""
    directory = Directory(Quotas(names=1, names_per_peer=1))
    for peer in ("p:1", "m:1", "n:1"):
        directory.join(peer)
    directory.publish("p:1", "f", INFO, 0.0)
    directory.add_chunks("m:1", "f", None, 0, None, 0.0)
    directory.add_chunks("n:1", "f", None, None, b"\0", 0.0)
    directory.unpublish("p:1", "f")
    with pytest.raises(OverQuota):
        directory.publish("m:1", "f", OTHER, 1.0)
    assert (directory["f"].info, list(directory["f"].holders)) == (INFO, ["m:1"])
    for content in (OTHER, INFO, OTHER):
        directory.publish("p:1", "f", content, 1.0)
        assert list(directory["f"].holders) == ["p:1"]
        assert directory["f"].since == 1.0
        directory.add_chunks("m:1", "f", None, 0, None, 1.0)
        directory.unpublish("p:1", "f")
    directory.unpublish("m:1", "f")
    for peer in ("p:1", "m:1", "n:1"):
        directory.publish(peer, f"of {peer}", INFO, 2.0)
        directory.unpublish(peer, f"of {peer}")


def test_a_refusal_is_a_sentence_however_many_hold_it() -> None:
    """It names those that have all of it first, and no more than fit."""
    directory = joined()
    directory.join("part:1")
    directory.add_chunks("part:1", "f", INFO, 0, None, 0.0)
    for number in range(10):
        directory.join(f"{number}:1")
        directory.publish(f"{number}:1", "f", INFO, 0.0)
    with pytest.raises(Refused, match=r"held by 0:1, 1:1, 2:1 and 8 more; ") as refused:
        directory.publish("a:1", "f", OTHER, 0.0)
    assert len(str(refused.value)) < 300
    for number in range(10):
        directory.leave(f"{number}:1", 0.0)
        directory.join(f"{number}" + "x" * 250)
        directory.publish(f"{number}" + "x" * 250, "f", INFO, 0.0)
    with pytest.raises(Refused, match=r"held by 0x+ and 10 more; "):
        directory.publish("a:1", "f", OTHER, 0.0)


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (FileInfo(10, 5, 2, "ef" * 32, "blake3"), True),
        (FileInfo(10, 2, 5, "ef" * 32, "blake3"), True),
        (FileInfo(12, 6, 2, "ef" * 32, "blake3"), False),
        (FileInfo(10, 5, 2, "ef" * 32), False),
    ],
)
def test_what_may_differ_by_its_hash_alone_is_said(mine: FileInfo, said: bool) -> None:
    """Two that publish the same file are not to look for a difference in it."""
    for listed, other in ((INFO, mine), (mine, INFO)):
        directory = Directory()
        for peer in ("p:1", "q:1"):
            directory.join(peer)
        directory.publish("p:1", "f", listed, 0.0)
        name = listed.function.value
        words = f"with the hash {name}: --hash {name} publishes the same content."
        with pytest.raises(Refused) as published:
            directory.publish("q:1", "f", other, 0.0)
        with pytest.raises(Refused) as registered:
            directory.add_chunks("q:1", "f", other, 0, None, 0.0)
        assert str(published.value).endswith(words) == said
        assert str(registered.value) == str(published.value)
        assert ("--hash" in str(published.value)) == said
