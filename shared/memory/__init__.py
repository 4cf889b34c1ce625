"""What the memory does without an agent: record, conclude, recall, represent, search."""
