"""Commands: what one is, how words become calls, and how answers are shown.

It knows no daemon. `p2pfs.peer.commands` and `p2pfs.tracker.commands` define the commands;
`p2pfs.console.control` and `p2pfs.console.ssh` bring them to people.

Nothing is imported here: `p2pfs.cli` takes messages and tables from below, and does without
Twisted.
"""
