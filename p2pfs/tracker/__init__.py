"""The tracker: it knows which peer holds which chunk of which file."""
