"""The program ``p2pfs``, which gives commands to a running daemon.

It does without Twisted, to start quickly.
"""
