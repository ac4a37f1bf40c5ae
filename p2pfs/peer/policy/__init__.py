"""Who gets what next: all the choices of a peer, without Twisted.

Which chunk is asked of whom, which source gets a connection, which downloader has its turn. Time
and randomness are handed in, so each choice can be tried by itself.
"""
