"""Connections to sources: opened, kept, asked for chunks; where what comes is put."""

from p2pfs.peer.sources.call_backs import CallBacks, Expected
from p2pfs.peer.sources.connection import Answer, OutOfReach, SourceConnection, WrongChunk
from p2pfs.peer.sources.incoming import Incoming
from p2pfs.peer.sources.pool import ReadySource, Source, SourcePool
from p2pfs.peer.sources.room import Room

__all__ = [
    "Answer",
    "CallBacks",
    "Expected",
    "Incoming",
    "OutOfReach",
    "ReadySource",
    "Room",
    "Source",
    "SourceConnection",
    "SourcePool",
    "WrongChunk",
]
