"""The logs of the functions: one file each, bounded, readable while they grow."""

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

MAX_BYTES = 5_000_000


class FunctionLog:
    """An append-only file of lines; past `max_bytes` it is set aside as `<name>.1` and begun anew."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def write(self, line: bytes) -> None:
        """Add one line; what is not JSON gets the time in front, as JSON lines bring their own."""
        # The runtime client joins the lines of a traceback with carriage returns, as the log service wants them.
        text = line.replace(b"\r", b"\n    ")
        if not text.startswith(b"{"):
            text = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3].encode() + b" " + text
        if self._size + len(text) > self._max_bytes:
            self._rotate()
        self._size += self._file.write(text + b"\n") or 0

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._path.open("ab", buffering=0)
        self._size = 0


class Lines:
    """Bytes as they come from a pipe, handed on as whole lines."""

    def __init__(self, log: FunctionLog) -> None:
        self._log = log
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if line.strip():
                self._log.write(line.rstrip())

    def close(self) -> None:
        if self._rest.strip():
            self._log.write(self._rest.rstrip())
        self._rest = b""


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of a log, fewer when it is shorter."""
    with path.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def follow(paths: list[Path], *, pause_s: float = 0.2) -> Iterator[tuple[Path, str]]:
    """Lines added to any of the logs from now on, without end."""
    # Noted here and not in the generator, whose body waits for the first line to be asked for.
    return _followed(paths, {path: _size(path) for path in paths}, pause_s)


def _followed(paths: list[Path], places: dict[Path, int], pause_s: float) -> Iterator[tuple[Path, str]]:
    while True:
        for path in paths:
            size = _size(path)
            # Smaller than before: set aside and begun anew.
            start = places[path] if size >= places[path] else 0
            if size > start:
                with path.open("rb") as file:
                    file.seek(start)
                    data = file.read(size - start)
                whole = data[: data.rfind(b"\n") + 1]
                yield from ((path, line) for line in whole.decode(errors="replace").splitlines())
                places[path] = start + len(whole)
            else:
                places[path] = start
        time.sleep(pause_s)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
