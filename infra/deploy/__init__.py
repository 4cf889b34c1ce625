"""From the tree to AWS: what SAM builds, and whether it fits."""
