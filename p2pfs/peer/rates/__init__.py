"""How fast bytes go, how fast they may, and how fast they could."""

from p2pfs.peer.rates.bandwidth import Bandwidth, Bandwidths
from p2pfs.peer.rates.pace import Pace, Reached
from p2pfs.peer.rates.rate_limit import RateLimit, parse_rate
from p2pfs.peer.rates.rate_meter import RateMeter

__all__ = ["Bandwidth", "Bandwidths", "Pace", "RateLimit", "RateMeter", "Reached", "parse_rate"]
