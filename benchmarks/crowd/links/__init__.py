"""A flash crowd of real processes on real links, each with a rate of its own."""
