"""Where downloads go, by the names and the path that a command has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from p2pfs.errors import UsageProblem


def places_of(names: Iterable[str], path: Path, is_directory: bool) -> dict[str, Path]:
    """Where downloads of these names go that are to go to ``path``.

    A name that ends in ``/`` stands for a directory: alone, it becomes ``path``. Raises
    `UsageProblem` when several are to go to what is no directory, or to the same place.
    """
    wanted = list(dict.fromkeys(names))
    if len(wanted) == 1:
        [name] = wanted
        inside = is_directory and not name.endswith("/")
        return {name: path / PurePosixPath(name).name if inside else path}
    if not is_directory:
        raise UsageProblem(
            f"Several downloads need a directory, and {path} is none; make it, or write a '/' "
            "behind it."
        )
    taken: dict[Path, str] = {}
    for name in wanted:
        place = path / PurePosixPath(name).name
        if place in taken:
            raise UsageProblem(
                f"'{taken[place]}' and '{name}' would both become {place}; download them one by "
                "one."
            )
        taken[place] = name
    return {name: place for place, name in taken.items()}
