"""Invitations as text."""

from __future__ import annotations

import base64
import json
import textwrap
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pfs.addresses import Address
from p2pfs.membership import InvalidInvitation, Invitation, parse_invitation, secret_hash
from p2pfs.membership.invitation import MAX_ADDRESSES, MAX_TEXT

SECRET = bytes(range(100, 116))
INVITATION = Invitation(
    (Address("192.0.2.1", 6880), Address("2001:db8::1", 6880)), bytes(range(32)), SECRET, "tracker"
)
ADDRESSES = st.builds(
    Address,
    st.sampled_from(["192.0.2.1", "2001:db8::1", "tracker.example"]),
    st.integers(1, 65535),
    st.just(""),
)
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
INVITATIONS = st.builds(
    Invitation,
    st.lists(ADDRESSES, min_size=1, max_size=MAX_ADDRESSES).map(tuple),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.lists(LABELS, min_size=1, max_size=5).map(".".join),
)


def coded(inner: object) -> str:
    """An invitation that says what none would."""
    data = json.dumps(inner).encode()
    return "p2pfs-invite-1" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def inner(**changed: object) -> list[object]:
    """What is within an invitation, some of it otherwise."""
    fields: dict[str, object] = {
        "addresses": ["192.0.2.1:6880"],
        "fingerprint": base64.b64encode(bytes(32)).decode(),
        "secret": base64.b64encode(SECRET).decode(),
        "tracker": "tracker",
    }
    return list((fields | changed).values())


def refusal_of(text: str) -> InvalidInvitation | None:
    """What is said of a text, or None when it is an invitation."""
    try:
        parse_invitation(text)
    except InvalidInvitation as error:
        return error
    return None


@given(INVITATIONS)
def test_what_is_written_is_read(invitation: Invitation) -> None:
    """Whatever an invitation says, it says the same on the other machine."""
    text = invitation.text()
    assert parse_invitation(text) == invitation
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= MAX_TEXT


def test_the_largest_has_room() -> None:
    """Eight addresses of the longest hosts do not go beyond what is read."""
    host = ".".join(["h" * 62] * 4)
    largest = replace(
        INVITATION, addresses=(Address(host, 65535),) * MAX_ADDRESSES, tracker="t" * 63
    )
    assert parse_invitation(largest.text()) == largest


@given(st.integers(10, 100), st.sampled_from(["\n", "\r\n", "\n    ", " \n\t", "\u200b\n", "\xa0"]))
def test_lines_may_be_broken(width: int, between: str) -> None:
    """As terminals and mail programs break them."""
    broken = between.join(textwrap.wrap(INVITATION.text(), width, break_on_hyphens=False))
    assert parse_invitation(f"\ufeff  {broken}\r\n\r\n") == INVITATION


@given(st.text(max_size=300))
@example("p2pfs-invite-")
@example("p2pfs-invite-1")
@example("p2pfs-invite-1A")
@example("p2pfs-invite-1" + "W" * 4000)
@example(coded([[[[[]]]]]))
@example("p2pfs-invite-1" + base64.urlsafe_b64encode(b"[" * 2500).decode())
@example("p2pfs-invite-\u0661" + INVITATION.text()[14:])
def test_other_text_is_a_sentence(text: str) -> None:
    """Arbitrary text, also behind the right beginning, is one sentence and nothing else."""
    for hostile in (text, "p2pfs-invite-1" + text, INVITATION.text()[:60] + text):
        with pytest.raises(InvalidInvitation) as told:
            parse_invitation(hostile)
        assert str(told.value).count(".") == 1
        assert "\n" not in str(told.value)


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_a_damaged_one_is_not_repeated(place: int, character: str) -> None:
    """One character changed or the end lost: another invitation or an error, without the secret."""
    text = INVITATION.text()
    place %= len(text)
    inside = base64.b64encode(SECRET).decode()
    for damaged in (text[:place], text[:place] + character + text[place + 1 :]):
        told = refusal_of(damaged)
        assert told is None or told.__suppress_context__ or told.__context__ is None
        assert inside not in repr(told)
        assert text[20:40] not in repr(told)


@pytest.mark.parametrize(
    "changed",
    [
        {"addresses": []},
        {"addresses": ["192.0.2.1:6880"] * (MAX_ADDRESSES + 1)},
        {"addresses": ["192.0.2.1"]},
        {"addresses": ["0.0.0.0:6880"]},
        {"addresses": [":6880"]},
        {"addresses": ["192.0.2.1:0"]},
        {"addresses": "192.0.2.1:6880"},
        {"fingerprint": base64.b64encode(bytes(31)).decode()},
        {"secret": ""},
        {"secret": base64.b64encode(bytes(17)).decode()},
        {"tracker": ""},
        {"tracker": "Tracker"},
        {"tracker": "tracker\n"},
        {"tracker": "-t"},
        {"tracker": "t" * 64},
        {"tracker": "a." * 127 + "a"},
        {"more": 1},
    ],
)
def test_what_no_invitation_says_is_refused(changed: dict[str, object]) -> None:
    """Numbers and sizes are bounded, names are names, and there is nothing else in it."""
    assert parse_invitation(coded(inner())).secret == SECRET
    with pytest.raises(InvalidInvitation, match="cut short or changed"):
        parse_invitation(coded(inner(**changed)))


def test_too_much_is_not_looked_at() -> None:
    """Neither an endless line nor endless white space is decoded."""
    for text in ("p2pfs-invite-1" + "W" * MAX_TEXT, " " * 10**7 + INVITATION.text()):
        with pytest.raises(InvalidInvitation, match="too long"):
            parse_invitation(text)


def test_another_version_says_so() -> None:
    """Who has an older p2pfs learns that, rather than that the line is damaged."""
    with pytest.raises(InvalidInvitation, match="another version"):
        parse_invitation(INVITATION.text().replace("invite-1", "invite-2"))


def test_nothing_and_something_else_are_told_apart() -> None:
    """An empty standard input is the most common mistake."""
    with pytest.raises(InvalidInvitation, match="There is no invitation"):
        parse_invitation(" \n")
    with pytest.raises(InvalidInvitation, match="begins with 'p2pfs-invite-'"):
        parse_invitation("bash: p2pfs: command not found")


def test_the_secret_is_not_shown() -> None:
    """Neither a log nor a traceback that shows an invitation lets anybody in."""
    for shown in (repr(INVITATION), str(INVITATION), f"{INVITATION}"):
        assert "secret" not in shown
        assert repr(SECRET) not in shown
        assert SECRET.decode() not in shown


def test_one_cannot_be_made_wrong() -> None:
    """What would be refused when it is read is not written either."""
    with pytest.raises(InvalidInvitation, match="a host that others can reach"):
        replace(INVITATION, addresses=(Address("::", 6880),))
    with pytest.raises(InvalidInvitation, match="16 bytes") as told:
        replace(INVITATION, secret=b"short")
    assert "short" not in str(told.value)


def test_what_is_kept_of_a_secret() -> None:
    """It does not lead back to it."""
    assert secret_hash(SECRET) == sha256(SECRET).digest()
