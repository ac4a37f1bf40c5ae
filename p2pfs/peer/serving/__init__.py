"""What a peer gives to downloaders: offers, chunks, digests, each in its turn."""
