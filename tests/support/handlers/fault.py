"""A function for tests that fails in the way its event asks for."""

import os
import time
from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sleep, raise, exit, or answer with as many bytes as asked."""
    match event:
        case {"sleep_s": seconds}:
            time.sleep(seconds)
        case {"raise": message}:
            raise ValueError(message)
        case {"exit": status}:
            os._exit(status)
        case {"bytes": count}:
            return {"text": "x" * count}
        case _:
            pass
    return {"pid": os.getpid()}
