"""Whose word a name is, for people and for scripts, wherever it is told."""

from __future__ import annotations

from p2pfs.membership import Signer


def publisher_data(signer: Signer | None) -> dict[str, str] | None:
    """For scripts: ``{"member": NAME}`` or ``{"key": FINGERPRINT}``; None for nobody."""
    return None if signer is None else signer.data


def publisher_text_of(data: dict[str, str] | None) -> str:
    """The same for people, from what scripts get; empty when nobody has signed it."""
    if data is None:
        return ""
    return publisher_text(Signer(data.get("member"), data.get("key")))


def publisher_text(signer: Signer | None) -> str:
    """For people; empty when nobody has signed it."""
    return "" if signer is None else f"published by {signer}"
