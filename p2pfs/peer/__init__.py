"""A peer: it shares files, serves their chunks, and downloads others from many peers at once."""
