"""The local stack: what stands in for AWS on one machine."""
