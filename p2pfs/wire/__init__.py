"""The wire: messages, and the connections they go over.

Both daemons speak it: lines of JSON and raw bytes, as docs/protocol.md has them. Here are the
messages, the protocol that reads and writes them within its limits, requests that wait for their
answers, and how a listening side shares connections, attention and memory between hosts. What a
message means is the business of who is asked.
"""
