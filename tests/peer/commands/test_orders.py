"""``status`` and ``why`` of downloads that wait for their turn, or for their file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peer.commands.console import DATA, Consoles
from tests.peer.commands.test_downloads import NAME, offered, place


@pytest.fixture
def waiting(consoles: Consoles) -> Consoles:
    """One that runs, two in line, and one that nobody offers."""
    offered(consoles, "a", "b")
    consoles.fetcher.peer.queue.book.at_once = 1
    into = place(consoles, "x").parent
    consoles.run(consoles.fetcher, f"download {NAME} a b {into}/ --detach")
    consoles.run(consoles.fetcher, f"download later {into}/ --detach --wait-for")
    consoles.network.run(1)
    return consoles


def status(consoles: Consoles) -> tuple[dict[str, dict[str, Any]], list[str]]:
    answer = consoles.run(consoles.fetcher, "status")
    return {order["name"]: order for order in answer.data["orders"]}, list(answer.lines)


def why(consoles: Consoles, name: str) -> tuple[str, list[str]]:
    answer = consoles.run(consoles.fetcher, f"why {name}")
    return answer.data["state"], list(answer.lines)


def test_the_status_shows_all_orders(waiting: Consoles) -> None:
    """Those that run are transfers; the others say what they wait for."""
    orders, lines = status(waiting)
    assert {name: order["state"] for name, order in orders.items()} == {
        NAME: "running",
        "a": "queued",
        "b": "queued",
        "later": "waiting",
    }
    assert (orders[NAME]["size"], orders["b"]["asked_by"]) == (len(DATA), "somebody")
    assert orders["b"]["path"] == str(place(waiting, "b"))
    [line] = [line for line in lines if line.startswith("b ")]
    assert line.endswith("queued, 1 before it")
    [line] = [line for line in lines if line.startswith("later ")]
    assert "nobody offers it yet, looked for again in" in line
    # What runs is among the shares and the transfers.
    assert len([line for line in lines if line.startswith(NAME)]) == 2


def test_a_directory_is_shown_as_one(consoles: Consoles) -> None:
    """Beside those of its files that come just now."""
    consoles.run(consoles.fetcher, f"download dir/ {place(consoles)} --detach")
    consoles.network.run(1.2)
    orders, lines = status(consoles)
    assert orders["dir/"]["state"] == "running"
    assert 0 < orders["dir/"]["done"] < orders["dir/"]["size"] == len(DATA)
    [line] = [line for line in lines if line.startswith("dir/ ")]
    assert line.endswith("0 of 1 files")
    state, lines = why(consoles, "dir/")
    assert state == "running"
    assert "'dir/' is being downloaded: " in lines[0]
    consoles.network.run(10)
    orders, lines = status(consoles)
    assert orders == {}
    assert not any(line.startswith("download ") for line in lines)


def test_why_says_what_an_order_waits_for(waiting: Consoles) -> None:
    """And since when, and for whom."""
    state, lines = why(waiting, "a")
    assert state == "queued"
    assert lines[0] == "'a' is queued, 0 before it; 1 downloads run at a time."
    assert lines[1].startswith("It was asked for ")
    assert lines[1].endswith(" ago by somebody.")
    state, lines = why(waiting, "later")
    assert state == "waiting"
    assert lines[0].startswith("'later' waits: nobody offers it yet, looked for again in ")


def test_why_of_one_that_just_begins(waiting: Consoles) -> None:
    """Before it is known what there is to fetch."""
    waiting.fetcher.peer.downloads.most = 0
    waiting.fetcher.peer.queue.book.at_once = 2
    waiting.run(waiting.fetcher, f"download c {place(waiting)} --detach")
    state, lines = why(waiting, "a")
    assert (state, lines[0]) == ("running", "'a' begins: asking the tracker.")
