"""How long a whole crowd takes that wants the same file at once, beside what is possible."""
