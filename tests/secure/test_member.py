"""Who a member is."""

from __future__ import annotations

import pytest

from p2pfs.secure.member import Role


@pytest.mark.parametrize("word", ["reader", "publisher", "tracker"])
def test_roles_have_words(word: str) -> None:
    """A certificate says them."""
    assert Role(word).value == word
