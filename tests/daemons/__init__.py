"""Real ``twistd`` processes on this machine, for tests, benchmarks and the fault test."""
