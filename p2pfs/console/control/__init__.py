"""The control socket: a UNIX socket in the state directory, over which `p2pfs.cli` gives commands.

Nothing is imported here, so that the program ``p2pfs``, which needs the messages, starts quickly.
"""
