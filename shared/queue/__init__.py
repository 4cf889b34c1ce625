"""Work across SQS FIFO: wake-ups out, batches in."""
