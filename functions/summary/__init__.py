"""Summarizes the session a wake-up points to."""
