"""Whoever takes the place of the reactor offers what p2pfs asks of one."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyClass, verifyObject

from p2pfs.daemon.steady_reactor import SteadyReactor
from p2pfs.reactor import Reactor, ThreadedReactor
from p2pfs.testing import InlineReactor, Network
from p2pfs.threads import in_thread


def test_the_daemons_reactor_offers_all_of_it() -> None:
    """What is asked beyond Twisted's own reactor would fail in daemons alone."""
    verifyClass(Reactor, SteadyReactor)


def test_a_simulated_host_offers_all_of_it(tmp_path: Path) -> None:
    """Else a daemon would fail on a host at what it may do elsewhere."""
    with Network(tmp_path, Random(1)) as network:
        verifyObject(Reactor, network.add_host("a").reactor)


def test_for_one_piece_by_itself_there_are_time_and_threads() -> None:
    """But no connections, which its protocol has already."""
    inline = InlineReactor()
    verifyObject(ThreadedReactor, inline)
    with pytest.raises(Invalid):
        verifyObject(Reactor, inline)
    results: list[int] = []
    in_thread(inline, lambda: 7).addCallback(results.append)
    assert results == [7]
