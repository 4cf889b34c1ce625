"""Derives conclusions from the messages a wake-up points to."""
