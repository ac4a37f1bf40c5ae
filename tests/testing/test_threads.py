"""Threads of a simulated process."""

from __future__ import annotations

import pytest

from p2pfs.testing import Host, Network
from p2pfs.threads import in_thread


def test_threads_return_results_and_failures_in_order(network: Network, a: Host) -> None:
    """Their work is done later, never at once, and one after the other."""
    done: list[int] = []
    works = [in_thread(a.reactor, done.append, n) for n in range(3)]
    assert done == []
    for work in works:
        network.result_of(work, 1)
    assert done == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        network.result_of(in_thread(a.reactor, lambda: 1 / 0), 1)
