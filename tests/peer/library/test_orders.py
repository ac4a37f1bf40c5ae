"""Orders, as they are put on record and read again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from p2pfs.errors import InvalidName, StorageProblem
from p2pfs.peer.library import Order, check_order_name
from p2pfs.peer.library.orders import order_of, order_row

FILE = Order("d/f", Path("/x/f"))
TREE = Order("d/", Path("/x"), True, True, "ann over SSH", 1000, 100, True)


def as_read(order: Order, **changed: Any) -> list[Any]:
    """What is read from the record of an order, with some of it damaged."""
    name, target, overwrite, wait_for, who, uid, gid, guest = order_row(order)
    row = {
        "name": name.encode(),
        "target": target,
        "overwrite": overwrite,
        "wait_for": wait_for,
        "who": who.encode(),
        "uid": uid,
        "gid": gid,
        "guest": guest,
    }
    return list((row | changed).values())


@pytest.mark.parametrize("order", [FILE, TREE, Order("f", Path(os.fsdecode(b"/\xff\n")))])
def test_an_order_comes_back_as_it_was(order: Order) -> None:
    """A path may be any bytes."""
    assert order_of(as_read(order)) == order


@pytest.mark.parametrize(
    "damage",
    [
        *({"name": b""}, {"name": b"../f"}, {"name": b"\xff"}, {"name": None}, {"name": b"d//"}),
        *({"target": None}, {"target": b""}, {"target": b"f"}, {"target": b"/a\0b"}, {"target": 1}),
        *({"overwrite": None}, {"wait_for": "yes"}, {"who": None}, {"uid": "root"}, {"gid": b"0"}),
        *({"guest": None}, {"uid": -1}, {"gid": (1 << 32) - 1}, {"uid": 1 << 62}),
    ],
)
def test_what_is_none_is_told_from_an_order(damage: dict[str, Any]) -> None:
    """With a word on what is wrong."""
    with pytest.raises(StorageProblem, match=r"^[a-z ]+$"):
        order_of(as_read(FILE, **damage))


def test_all_below_a_name_can_be_asked_for() -> None:
    """And nothing that is no name."""
    assert (FILE.is_tree, TREE.is_tree) == (False, True)
    assert check_order_name("d/") == "d/"
    for name in ("", "/", "d//", "/d", "../"):
        with pytest.raises(InvalidName):
            check_order_name(name)
