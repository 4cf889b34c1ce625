"""What the memory does with a model: derive, summarize, answer."""
