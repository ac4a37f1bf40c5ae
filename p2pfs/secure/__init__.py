"""The door through which every connection of a swarm goes, on both of its sides.

An open swarm's lets everything pass. A private one's is mutual TLS 1.3: a protocol behind it has
a connection only once each side knows which member the other is. What makes somebody a member is
told to the door, as a check of certificates; what a member may do is the business of who is asked.
"""

from p2pfs.secure.channel import LOST, Channel
from p2pfs.secure.contexts import Credentials
from p2pfs.secure.door import A_PEER, A_TRACKER, Door, Expected, MembersDoor, OpenDoor, member_of
from p2pfs.secure.member_transport import channel_of
from p2pfs.secure.private_swarm import MakeDoor, PrivateSwarm, door_of
from p2pfs.secure.tls_door import TlsDoor

__all__ = [
    "A_PEER",
    "A_TRACKER",
    "LOST",
    "Channel",
    "Credentials",
    "Door",
    "Expected",
    "MakeDoor",
    "MembersDoor",
    "OpenDoor",
    "PrivateSwarm",
    "TlsDoor",
    "channel_of",
    "door_of",
    "member_of",
]
