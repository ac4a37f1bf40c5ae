"""The tests mirror the rooms: who has a module open finds its tests without looking."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
CODE = TESTS.parent / "p2pfs"


def test_every_module_has_its_namesake() -> None:
    """In the same room: ``p2pfs/wire/budget.py`` is tried in ``tests/wire/test_budget.py``."""
    missing = []
    for module in sorted(CODE.rglob("*.py")):
        path = module.relative_to(CODE)
        namesake = path.with_name(f"test_{path.name}")
        if path.name != "__init__.py" and not (TESTS / namesake).exists():
            missing.append(f"tests/{namesake}")
    assert not missing, "these are missing:\n" + "\n".join(missing)


def test_no_room_of_tests_is_left_behind() -> None:
    """A room that is renamed takes its tests along, with all that lies below."""
    rooms = [path for path in CODE.iterdir() if (path / "__init__.py").exists()]
    left = []
    for room in rooms:
        for below in (TESTS / room.name).rglob("__init__.py"):
            path = below.parent.relative_to(TESTS)
            if not (CODE / path / "__init__.py").exists():
                left.append(f"tests/{path}")
    assert not left, "no such room is in p2pfs:\n" + "\n".join(left)
