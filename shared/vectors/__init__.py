"""Vector indexes behind one protocol, one table per embedding space."""
