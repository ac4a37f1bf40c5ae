"""Benchmarks: p2pfs against a floor, against other programs, and against its own targets."""
