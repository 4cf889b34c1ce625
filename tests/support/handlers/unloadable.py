"""A function for tests that cannot be loaded."""

raise RuntimeError("this module refuses to load")
