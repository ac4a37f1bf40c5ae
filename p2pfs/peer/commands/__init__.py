"""The peer's commands, as its consoles offer them."""
