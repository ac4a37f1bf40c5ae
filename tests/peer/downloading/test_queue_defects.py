"""What goes wrong with one order does not harm the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2pfs.errors import (
    DownloadFailed,
    StorageProblem,
)
from p2pfs.peer.downloading import Entry
from p2pfs.peer.library import Order
from tests.conftest import LoggedFailures
from tests.peer.downloading.pairs import Peers
from tests.peer.downloading.queue_scene import (
    done,
    given,
    on_record,
    queue,
)
from tests.simulation.parts import outcome_of


def test_what_cannot_be_put_on_record_does_not_run(peers: Peers) -> None:
    """Everybody who asked for it is told."""
    peers.host.drive.full = True
    order = Order("f", peers.target)
    entry: Entry = peers.network.result_of(done(queue(peers).give(order)), 10)
    same: Entry = peers.network.result_of(done(queue(peers).give(order)), 10)
    assert same is entry
    waiting = [queue(peers).recorded(entry), queue(peers).watch(entry)]
    for told in waiting:
        assert isinstance(outcome_of(peers.network, told), StorageProblem)
    late = queue(peers).recorded(entry)
    assert isinstance(outcome_of(peers.network, late), StorageProblem)
    assert list(queue(peers).book) == []
    peers.host.drive.full = False
    peers.network.result_of(queue(peers).watch(given(peers)), 60)


def test_a_defect_ends_one_order(peers: Peers, logged_failures: Any) -> None:
    """With a sentence, and all of it in the log; the next one is as ever."""
    downloads = peers.peer.peer.downloads
    start = downloads.start
    downloads.start = None  # type: ignore[method-assign,assignment]
    error = outcome_of(peers.network, queue(peers).watch(given(peers)))
    assert isinstance(error, DownloadFailed)
    assert "internal error" in str(error)
    assert len(logged_failures.flush()) == 1
    downloads.start = start  # type: ignore[method-assign]
    peers.network.result_of(queue(peers).watch(given(peers)), 60)


def test_a_defect_of_the_record_ends_one_order(peers: Peers, logged_failures: Any) -> None:
    """Lest it be under way for ever."""
    order = Order("f", Path("/\ud800"))  # no path; consoles take none such
    entry: Entry = peers.network.result_of(done(queue(peers).give(order)), 10)
    assert isinstance(outcome_of(peers.network, queue(peers).recorded(entry)), DownloadFailed)
    assert list(queue(peers).book) == []
    assert len(logged_failures.flush()) == 1


def test_a_defect_of_looking_ends_the_order(
    peers: Peers, monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    """It would be looked at again at once, without end, and fill the log."""

    async def breaks(order: Order) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(queue(peers), "_find_offered", breaks)
    entry = given(peers, "later", wait_for=True)
    error = outcome_of(peers.network, queue(peers).watch(entry))
    assert isinstance(error, DownloadFailed)
    assert len(logged_failures.flush()) == 1
    assert on_record(peers) == []
