"""Brings the database to the newest revision after a deploy."""
