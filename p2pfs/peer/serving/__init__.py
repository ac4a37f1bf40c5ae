"""What a peer gives to downloaders: offers, chunks, digests, each in its turn."""

from p2pfs.peer.serving.callee import Callee
from p2pfs.peer.serving.deliveries import Deliveries
from p2pfs.peer.serving.factory import ServingFactory
from p2pfs.peer.serving.protocol import ServingProtocol
from p2pfs.peer.serving.served_files import ServedFiles
from p2pfs.peer.serving.serving import ServingHooks
from p2pfs.peer.serving.uploads import Upload, Uploads

__all__ = [
    "Callee",
    "Deliveries",
    "ServedFiles",
    "ServingFactory",
    "ServingHooks",
    "ServingProtocol",
    "Upload",
    "Uploads",
]
