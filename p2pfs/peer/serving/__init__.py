"""What a peer gives to downloaders: offers, chunks, digests, each in its turn."""

from p2pfs.peer.serving.callee import Callee
from p2pfs.peer.serving.deliveries import Deliveries
from p2pfs.peer.serving.serving import ServingFactory, ServingHooks, ServingProtocol

__all__ = ["Callee", "Deliveries", "ServingFactory", "ServingHooks", "ServingProtocol"]
