"""The SSH console: who gets in, and what a session does.

Nothing is imported here: conch imports the reactor, and the daemon chooses that first.
"""
