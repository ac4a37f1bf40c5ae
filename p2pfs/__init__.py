"""p2pfs: big files onto many machines that belong together, chunk by chunk, from each other."""

__version__ = "0.1.0"
