"""A function for tests: answers HTTP events like the real API would, and hands back any other event."""

import json
import os
from typing import Any

_count = 0


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Echo the event, with what the function saw of its environment."""
    global _count
    _count += 1
    seen = {
        "event": event,
        "pid": os.getpid(),
        "count": _count,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
    if "httpMethod" not in event:
        return seen
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
        "body": json.dumps(seen),
        "isBase64Encoded": False,
    }
