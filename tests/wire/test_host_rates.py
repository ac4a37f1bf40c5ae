"""How many messages a second a host may have handled."""

from __future__ import annotations

from p2pfs.wire.host_rates import HostRates


def test_a_rate_is_each_hosts_own() -> None:
    """Beyond the burst, so many a second; what is earned does not count."""
    rates = HostRates(8, 16)
    for _ in range(16):
        assert rates.may("a", 0)
        rates.spend("a", 0)
    assert not rates.may("a", 0)
    assert rates.may("b", 0)
    assert rates.may("a", 0.125)
    rates.spend("a", 0.125)
    assert not rates.may("a", 0.125)
    rates.earn("a", 4)
    for _ in range(4):
        assert rates.may("a", 0.125)
        rates.spend("a", 0.125)
    assert not rates.may("a", 0.125)


def test_hosts_within_their_rate_are_forgotten() -> None:
    """However many come, those who were last here a while ago take no memory."""
    rates = HostRates(10, 20)
    for number in range(10_000):
        rates.spend(f"host {number}", number)
    assert len(rates) <= 2


def test_a_rest_fills_the_reserve_and_no_more() -> None:
    """Who says nothing for an hour may say a burst then, not an hour's worth."""
    rates = HostRates(8, 16)
    rates.spend("a", 0)
    handled = 0
    while rates.may("a", 3600):
        rates.spend("a", 3600)
        handled += 1
    assert handled == 16
