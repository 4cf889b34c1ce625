"""Structured logs: one JSON line per event, ids and counts only."""

import json
import logging
import sys
import time
import traceback
from typing import Final

_LEVELS: Final = logging.getLevelNamesMapping()


class Logger:
    """`logger.info("work_claimed", unit="…", items=3)`: an event in the past tense, then keys.

    Never hand it message text, conclusions, prompts or keys.
    """

    def __init__(self) -> None:
        self._level = logging.INFO
        self._bound: dict[str, object] = {}

    def configure(self, level: str, **bound: object) -> None:
        """Set the threshold and what every line carries."""
        self._level = _LEVELS[level]
        self._bound = dict(bound)

    def debug(self, event: str, **keys: object) -> None:
        self._write("DEBUG", event, keys)

    def info(self, event: str, **keys: object) -> None:
        self._write("INFO", event, keys)

    def warning(self, event: str, **keys: object) -> None:
        self._write("WARNING", event, keys)

    def error(self, event: str, **keys: object) -> None:
        self._write("ERROR", event, keys)

    def exception(self, event: str, **keys: object) -> None:
        """The error being handled: its class and where it came from, without its text, which may quote content."""
        kind, error, trace = sys.exc_info()
        frames = [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
        cause = error.__cause__ if error is not None else None
        found: dict[str, object] = {"error": kind.__name__ if kind else None, "frames": frames[-8:]}
        if cause is not None:
            found["cause"] = type(cause).__name__
        self._write("ERROR", event, {**keys, **found})

    def _write(self, level: str, event: str, keys: dict[str, object]) -> None:
        if _LEVELS[level] < self._level:
            return
        line = {"time": round(time.time(), 3), "level": level, "event": event, **self._bound, **keys}
        sys.stdout.write(json.dumps(line, default=str, separators=(",", ":")) + "\n")
        sys.stdout.flush()


logger: Final = Logger()
