"""The peer: shares files, serves their chunks, downloads others.

``peer.py`` puts the rooms together; each room says itself what it is for. From the top: commands,
downloading, sharing, serving, sources, announcing, library, storage, and beside each other policy
and rates. None imports what is above it.
"""
