"""Files on the disk: chunks read, hashed, written, and what tells whether somebody else wrote.

All that blocks is meant for a thread, and all goes through a `Disk`, which tests replace.
"""
