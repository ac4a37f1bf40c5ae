"""The peer: shares files, serves their chunks, downloads others.

`peer.py` puts the rooms together; each room's own words say what it is for. None imports one
above it: downloading, sharing, serving, sources, announcing, library, storage, and beside each
other at the bottom policy and rates.
"""
