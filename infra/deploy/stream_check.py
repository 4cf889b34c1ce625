"""Whether an answer came while it was written, or all at once at its end."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import httpx

# A whole answer that begins so early was made so quickly that its pieces may well travel together.
QUICK_S: Final = 1.0
_QUESTION: Final = "In two or three sentences: what is known about alice, and what would be worth asking her?"


class NotStreamed(Exception):
    """The answer was gathered somewhere before it was passed on; the text says what shows it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Some bytes of an answer, and how long after the question they came."""

    after_s: float
    data: bytes


def read_stream(client: httpx.Client, url: str) -> str:
    """Ask with `stream`, and tell how the answer came. Raises `NotStreamed`, and `HTTPError` for a refusal."""
    began = time.monotonic()
    with client.stream("POST", url, json={"query": _QUESTION, "stream": True}) as answer:
        if answer.is_error:
            answer.read()
            raise httpx.HTTPStatusError(
                f"{answer.status_code} {answer.text[:300]}", request=answer.request, response=answer
            )
        arrivals = [Arrival(time.monotonic() - began, data) for data in answer.iter_raw()]
        length = answer.headers.get("content-length")
    return verdict(arrivals, has_length=length is not None)


def verdict(arrivals: Sequence[Arrival], *, has_length: bool) -> str:
    """How an answer came, in words. Raises `NotStreamed`.

    Who knows the length of an answer has all of it. Without a length, all pieces in one arrival show that they were
    gathered, unless the answer was there so quickly that this is no wonder.
    """
    whole = b"".join(one.data for one in arrivals)
    frames = _frames(whole)
    if not frames or frames[-1].get("done") is not True:
        raise NotStreamed(f"the answer has no end: {len(frames)} pieces, {len(whole)} bytes")
    if has_length:
        raise NotStreamed("the answer has a Content-Length, so that somebody held all of it before it was sent")
    first, last = arrivals[0], arrivals[-1]
    if not _holds_the_end(first):
        return (
            f"first byte after {first.after_s * 1000:.0f} ms, last piece {(last.after_s - first.after_s) * 1000:.0f} ms"
            f" later, {len(frames)} pieces"
        )
    if first.after_s > QUICK_S:
        raise NotStreamed(f"all {len(frames)} pieces came at once after {first.after_s:.1f} s")
    return f"in chunks; {len(frames)} pieces within {first.after_s * 1000:.0f} ms, too quick to tell them apart"


def _holds_the_end(arrival: Arrival) -> bool:
    return any(frame.get("done") is True for frame in _frames(arrival.data))


def _frames(data: bytes) -> list[dict[str, object]]:
    """The events that are whole in `data`."""
    found: list[dict[str, object]] = []
    for line in data.decode(errors="replace").splitlines():
        if line.startswith("data:"):
            try:
                found.append(cast(dict[str, object], json.loads(line[5:])))
            except ValueError:
                continue
    return found
