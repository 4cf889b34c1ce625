"""Tools a developer runs through the one tool."""
