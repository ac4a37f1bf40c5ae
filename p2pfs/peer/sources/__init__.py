"""Connections to sources: opened, kept, asked for chunks; where what comes is put."""
