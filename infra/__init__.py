"""The one tool, the local stack and what keeps the tree honest."""
