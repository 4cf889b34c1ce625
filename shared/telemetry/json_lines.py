"""A file of JSON lines that several processes write to: for its owner's eyes, and never larger than it may be."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.telemetry.logs import logger

MOST_BYTES: Final = 64 * 1024 * 1024
_OWNER_ONLY: Final = 0o600
_MOST_TRIES: Final = 5


class JsonLines:
    """Appends; a file that is full becomes `{path}.1` in the place of an older one, so that two remain."""

    def __init__(self, path: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = Path(path)
        self._most_bytes = most_bytes
        self._has_failed = False

    def append(self, line: Mapping[str, object]) -> None:
        """Never raises: what is written here must not be in the way of what it tells of. Says once that it cannot."""
        try:
            self._append(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")
        except (OSError, ValueError) as error:
            if not self._has_failed:
                logger.warning("lines_not_written", file=self._path.name, error=type(error).__name__)
            self._has_failed = True

    def _append(self, data: bytes) -> None:
        for _ in range(_MOST_TRIES):
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._is_current(file):
                    # Another process has just put it aside.
                    continue
                found = os.fstat(file)
                if found.st_size and found.st_size + len(data) > self._most_bytes:
                    os.replace(self._path, f"{self._path}.1")
                    continue
                if found.st_mode & 0o077:
                    os.fchmod(file, _OWNER_ONLY)
                os.write(file, data)
                return
            finally:
                os.close(file)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._path))
        except FileNotFoundError:
            return False
