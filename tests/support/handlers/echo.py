"""A function for tests: answers HTTP events like the real API would, and hands back any other event."""

import itertools
import json
import os
from typing import Any

_count = itertools.count(1)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Echo the event, with what the function saw of its environment."""
    seen = {
        "event": event,
        "pid": os.getpid(),
        "count": next(_count),
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
