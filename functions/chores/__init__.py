"""Embeds and indexes new messages."""
