"""A function for tests that leaves a thread running, which counts for as long as it is let run."""

import threading
import time
from typing import Any

_counted: list[int] = [0]


def _count() -> None:
    while True:
        _counted[0] += 1
        time.sleep(0.001)


threading.Thread(target=_count, daemon=True).start()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How far the thread has counted: when the event came, and `run_s` later."""
    before = _counted[0]
    time.sleep(float(event.get("run_s", 0)))
    return {"before": before, "after": _counted[0]}
