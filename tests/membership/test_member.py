"""What a member may be called, and which names it may publish."""

from __future__ import annotations

import pytest

from p2pfs.errors import InvalidMember
from p2pfs.membership import Member, Role, check_patterns, member_name, name_of_host


@pytest.mark.parametrize(
    ("text", "name"),
    [("GPU-17", "gpu-17"), ("a", "a"), ("a.b-c.D", "a.b-c.d"), ("1a", "1a"), ("a" * 63, "a" * 63)],
)
def test_a_name_is_folded(text: str, name: str) -> None:
    """One machine has one name, however it is typed."""
    assert member_name(text) == name
    assert member_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "*.a", "a b", "a/b", "a\n", "a\0"),
        *("ä", "\u212a", "a" * 64, ".".join(["a" * 50] * 5), "10.0.0.1", "17"),
    ],
)
def test_what_is_no_name_of_a_host_is_refused(text: str) -> None:
    """TLS checks it as one: no wildcard, no address, no letter that only looks like another."""
    with pytest.raises(InvalidMember, match="The member name"):
        member_name(text)


def test_a_name_that_moves_the_cursor_is_shown_harmlessly() -> None:
    """It comes from the network, and the sentence goes to a terminal."""
    with pytest.raises(InvalidMember) as raised:
        member_name("\x1b[2J\u202e")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("GPU-17.lab.example", "gpu-17.lab.example"),
        ("build_host__3", "build-host-3"),
        ("-a-.-b.", "a.b"),
        ("büro", "b-ro"),
        ("localhost", "localhost"),
        ("\x1b[2J", "2j"),
        ("a" * 70, "a" * 63),
        ("a" * 62 + "--b", "a" * 62),
        (".".join(["a" * 50] * 6), ".".join(["a" * 50] * 4)),
    ],
)
def test_a_host_has_a_member_name(host: str, name: str) -> None:
    """So nobody has to think of one, whatever a system calls itself."""
    assert name_of_host(host) == name == member_name(name)


@pytest.mark.parametrize("host", ["", "...", "_", "日本", "10.0.0.1", "17"])
def test_where_a_host_s_name_says_nothing_one_is_asked_for(host: str) -> None:
    """And an address is no name."""
    with pytest.raises(InvalidMember, match="give one with --name") as raised:
        name_of_host(host)
    assert str(raised.value).isprintable()


def member(role: Role, *patterns: str) -> Member:
    """A member that may publish these."""
    return Member("a", role, patterns, bytes(32), 1, 0.0, 1.0)


def test_a_publisher_publishes_what_fits_one_of_its_patterns() -> None:
    """Patterns are as `list` has them."""
    one = member(Role.PUBLISHER, "models/*", "data/v?.tar")
    assert one.may_publish("models/a/b")
    assert one.may_publish("data/v1.tar")
    assert not one.may_publish("data/v10.tar")
    assert not one.may_publish("other")


def test_a_pattern_without_a_wildcard_is_one_name() -> None:
    """Otherwise who may publish a model may publish all whose names begin so."""
    one = member(Role.PUBLISHER, "models/a", "data/")
    assert one.may_publish("models/a")
    assert not one.may_publish("models/a/b")
    assert not one.may_publish("models/ab")
    assert not one.may_publish("models/A")
    assert not one.may_publish("data/x")


@pytest.mark.parametrize("role", [Role.READER, Role.TRACKER])
def test_nobody_else_publishes(role: Role) -> None:
    """Not even if patterns got there."""
    assert not member(role, "*").may_publish("a")
    with pytest.raises(InvalidMember, match="publishes nothing"):
        check_patterns(role, ["*"])
    assert check_patterns(role, []) == ()


@pytest.mark.parametrize(
    "patterns", [[], ["models/"], [""], ["*"] * 33, ["a" * 257], ["\udc80*"], ["*" * 257]]
)
def test_patterns_have_bounds(patterns: list[str]) -> None:
    """They are in each certificate, and tried for each name."""
    with pytest.raises(InvalidMember):
        check_patterns(Role.PUBLISHER, patterns)
    assert check_patterns(Role.PUBLISHER, ["é*", "a" * 256]) == ("é*", "a" * 256)
