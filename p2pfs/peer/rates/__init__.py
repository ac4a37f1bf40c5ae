"""How fast bytes go, how fast they may, and how fast they could."""

from p2pfs.peer.rates.bandwidth import Bandwidth, Bandwidths
from p2pfs.peer.rates.pace import Pace, Reached, crowd_text
from p2pfs.peer.rates.rate_limit import RateLimit, parse_rate
from p2pfs.peer.rates.rate_meter import RateMeter, seconds_left, whole

__all__ = [
    "Bandwidth",
    "Bandwidths",
    "Pace",
    "RateLimit",
    "RateMeter",
    "Reached",
    "crowd_text",
    "parse_rate",
    "seconds_left",
    "whole",
]
