"""A streamed answer as server-sent events."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from functions.api.problems import told
from functions.api.wire.chat import Evidence
from shared.telemetry.logs import logger

if TYPE_CHECKING:
    from shared.reasoning.dialectic import Answered

MEDIA_TYPE: Final = "text/event-stream"
# Without them proxies gather an answer before they pass it on.
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def frames(pieces: "Iterator[str | Answered]", *, with_evidence: bool) -> Iterator[bytes]:
    """One frame per piece of text, and the closing frame. An answer that breaks off ends with an error frame.

    That one is never `done`: who does not know it still sees that the end is missing.
    """
    try:
        for piece in pieces:
            yield _delta(piece) if isinstance(piece, str) else _closing(piece, with_evidence)
    except Exception as error:
        # The status went out long ago, so that the outer edge of a stream is here.
        logger.exception("stream_broke_off")
        yield _broken_off(error)


def _delta(text: str) -> bytes:
    return _frame({"delta": {"content": text}, "done": False})


def _closing(whole: "Answered", with_evidence: bool) -> bytes:
    if with_evidence:
        return _frame({"done": True, "evidence": Evidence.of(whole.evidence)})
    return _frame({"done": True})


def _broken_off(error: Exception) -> bytes:
    status, detail = told(error)
    return _frame({"error": {"status": status, "detail": detail}, "done": False})


def _frame(content: object) -> bytes:
    # The space after the colon is required by the TypeScript SDK.
    return b"data: " + to_json(content) + b"\n\n"
