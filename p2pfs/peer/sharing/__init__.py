"""From a path to a share, and what looks after shares: are they still what was published?"""
