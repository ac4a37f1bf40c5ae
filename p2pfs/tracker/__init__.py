"""The tracker: knows which peer holds which chunk of which file."""
