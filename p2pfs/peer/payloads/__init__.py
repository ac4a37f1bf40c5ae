"""Payloads on their way in: what asks for them, where they go, and the threads that read them."""

from p2pfs.peer.payloads.chunk_request import ChunkRequest
from p2pfs.peer.payloads.chunk_sink import ChunkSink, Sink
from p2pfs.peer.payloads.lender import Lender
from p2pfs.peer.payloads.loan import Aside, Came, Complete, Loan, Payload, Returned
from p2pfs.peer.payloads.memory_sink import MemorySink, SpareMemory

__all__ = [
    "Aside",
    "Came",
    "ChunkRequest",
    "ChunkSink",
    "Complete",
    "Lender",
    "Loan",
    "MemorySink",
    "Payload",
    "Returned",
    "Sink",
    "SpareMemory",
]
