"""Tests of `p2pfs.testing`, the simulated network."""
