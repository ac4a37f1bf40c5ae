"""What scripts read, whatever text is in it."""

from __future__ import annotations

import json

from p2pfs.console.control.messages import AnswerMessage, Response
from p2pfs.console.json_text import error_document, json_document, json_text


def test_bytes_that_are_no_text_are_escaped() -> None:
    """A path of the disk may have such; which one it is can still be told."""
    data = {"skipped": ["/x/bad\udcff.bin"], "bad\udcff": ("\ud800", 1, None, 0.5, True)}
    assert json.loads(json_text(data)) == {
        "skipped": ["/x/bad\\udcff.bin"],
        "bad\\udcff": ["\\ud800", 1, None, 0.5, True],
    }


def test_all_other_text_is_as_it_is() -> None:
    """Scripts get what is on the disk, whatever a terminal would make of it."""
    data = ["cafe\u0301", "\u202e", "\U0001f600", "two\nlines"]
    assert json.loads(json_text(data)) == data


def test_messages_are_escaped_too() -> None:
    """And leave out what they leave out otherwise."""
    text = json_text(Response(answer=AnswerMessage(["bad\udcff"], ["line"])))
    assert json.loads(text) == {"answer": {"data": ["bad\\udcff"], "lines": ["line"]}}


def test_a_document_is_shown_whole_by_a_terminal_and_means_the_same() -> None:
    """What a terminal would obey, or not show, is escaped; other letters are not."""
    data = {"name": "naïve \x1b[2J \u202e\n\U000e0001", "size": 1}
    text = json_document(data)
    assert json.loads(text) == data
    assert "naïve" in text
    assert all(c == "\n" or c.isprintable() for c in text)


def test_an_error_has_its_kind() -> None:
    """By which scripts tell one from the other."""
    assert json.loads(error_document("NotFound", "No.")) == {"error": "No.", "kind": "NotFound"}
