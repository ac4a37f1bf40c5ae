"""The program ``p2pfs``: gives commands to a running daemon. It does without Twisted, to start quickly."""
