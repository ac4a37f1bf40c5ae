"""docs/security.md names tests for what it says, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_each_test_that_is_named_is_there() -> None:
    """A test that is renamed or dropped takes what it shows with it."""
    named = re.findall(
        r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", (ROOT / "docs/security.md").read_text()
    )
    module, found = "", 0
    for path, test in named:
        if not (path or test):
            continue
        module = path or module
        text = (ROOT / module).read_text()
        assert not test or f"def {test}(" in text, f"{module}::{test}"
        found += 1
    assert found > 20
