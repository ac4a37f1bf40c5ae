"""How it stands with what this peer holds, in the same words wherever it is told."""

from __future__ import annotations

from typing import NamedTuple

from p2pfs.peer.downloading import seconds_text
from p2pfs.peer.library import Holding


class ShareState(NamedTuple):
    """In what state a holding is, and why.

    ``word`` is for scripts: one of listed, unlisted, refused, withheld, unfinished, checking and
    downloading.
    ``reason`` is one sentence or more, empty where there is nothing to explain; ``advice``
    is what to do about it, if there is anything.
    """

    word: str
    text: str
    reason: str = ""
    advice: str = ""

    @property
    def remark(self) -> str:
        """What is to be said behind a share in a list: nothing of one that is as it should be."""
        if self.word == "listed":
            return ""
        return f"{self.text}: {self.reason}" if self.reason else self.text


def state_of(holding: Holding, now: float, joined: bool) -> ShareState:
    """The state of what this peer holds.

    ``now`` is a time of the reactor's clock; ``joined`` says whether there is a tracker that
    knows this peer.
    """
    if holding.withheld is not None:
        return ShareState(
            "withheld",
            f"withheld for {seconds_text(now - holding.withheld.since)}",
            holding.withheld.reason,
            "It is offered again once it is back as it was; unpublish it if it is gone for good.",
        )
    refused = holding.refusal if joined else ""
    if not holding.is_share and holding.downloading:
        return _beside(refused, "downloading", "being downloaded")
    if holding.checking:
        return ShareState("checking", "unfinished; it is checked which chunks are right")
    if not holding.is_share:
        advice = f"Download it to {holding.target} to go on, or unpublish it to give it up."
        return _beside(refused, "unfinished", "unfinished", advice)
    if not joined:
        return ShareState(
            "unlisted",
            "not listed yet",
            "no tracker knows this peer.",
            "It is listed as soon as one is joined.",
        )
    if holding.refusal:
        return ShareState(
            "refused",
            "not listed",
            holding.refusal,
            "It is offered again now and then; unpublish it, or publish it under another name.",
        )
    return ShareState("listed", "listed")


def _beside(refusal: str, word: str, text: str, advice: str = "") -> ShareState:
    """The state of an unfinished download, whose chunks the tracker may have refused."""
    return ShareState(word, f"{text}, not listed" if refusal else text, refusal, advice)
