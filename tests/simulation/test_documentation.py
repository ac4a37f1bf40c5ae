"""The example in docs/testing.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_documented_example_works(place: Path) -> None:
    """What the page shows is what runs here, and passes."""
    section = PAGE.read_text().split("## Simulated swarms")[1].split("\n## ")[0]
    [example] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    names["test_a_download_outlives_its_source"](place)
