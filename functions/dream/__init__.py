"""Thinks over what is known about the peer a wake-up points to."""
