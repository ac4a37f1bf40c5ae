"""Whose word a name is, as people and scripts are told."""

from __future__ import annotations

from p2pfs.membership import Signer
from p2pfs.peer.commands.publisher import publisher_data, publisher_text, publisher_text_of


def test_members_have_names_and_keys_have_fingerprints() -> None:
    """The same from what scripts get; nobody is null, and nothing is said."""
    for signer, data, text in [
        (Signer("gpu-17", "ab" * 32), {"member": "gpu-17"}, "published by gpu-17"),
        (Signer(None, "ab" * 32), {"key": "ab" * 32}, "published by the key abababababababab"),
        (None, None, ""),
    ]:
        assert publisher_data(signer) == data
        assert publisher_text(signer) == publisher_text_of(data) == text
