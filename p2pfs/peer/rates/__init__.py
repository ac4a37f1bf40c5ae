"""How fast bytes go, how fast they may, and how fast they could."""

from p2pfs.peer.rates.line_rate import LineRate, Lines
from p2pfs.peer.rates.pace import Pace, Reached
from p2pfs.peer.rates.rate_limit import RateLimit, parse_rate
from p2pfs.peer.rates.rate_meter import RateMeter

__all__ = ["LineRate", "Lines", "Pace", "RateLimit", "RateMeter", "Reached", "parse_rate"]
