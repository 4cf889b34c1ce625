"""Rows that are read far more often than they change, kept near: optional, and never the truth."""
