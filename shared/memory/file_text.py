"""Files to text, and text to pieces that fit into messages."""

import io
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import Invalid, TooLarge, UnsupportedType
from shared.domain.json import encodable
from shared.telemetry.logs import logger

# Where a piece may end, the best place first.
_ENDS: Final = ("\n\n", "\n", ". ", " ")
_SPACE: Final = 0x20
_ASCII: Final = bytes([*b"\t\n\r", *range(_SPACE, 0x7F)])
# A few hundred bytes of PDF can unfold to gigabytes of text.
_MOST_CHARACTERS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, from character `start` up to, not including, `end`."""

    content: str
    start: int
    end: int


def text_of(content: bytes, content_type: str | None) -> str:
    """The text in a file. Raises `UnsupportedType`, `Invalid` for a file that is not what it says, `TooLarge`."""
    kind = (content_type or "").strip().lower()
    if kind == "application/pdf":
        return _storable(_pdf(content))
    if kind == "application/json":
        return _storable(_json(content))
    if kind.startswith("text/"):
        return _storable(_decoded(content))
    raise UnsupportedType(f"files of type {kind[:100] or 'unknown'} are not supported: send PDF, text or JSON")


def pieces(text: str, most: int) -> Iterator[Piece]:
    """`text` in pieces of at most `most` characters, each as long as a good end allows; one empty piece of nothing."""
    start = 0
    while len(text) - start > most:
        end = _end(text, start, most)
        yield Piece(text[start:end], start, end)
        start = end
    yield Piece(text[start:], start, len(text))


def _end(text: str, start: int, most: int) -> int:
    for mark in _ENDS:
        found = text.rfind(mark, start, start + most)
        if found >= 0:
            return found + len(mark)
    return start + most


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "latin-1" if _is_of_single_bytes(content) else "utf-16"):
        try:
            return content.decode(encoding)
        except UnicodeError:
            continue
    return content.decode("latin-1")


def _is_of_single_bytes(content: bytes) -> bool:
    """Whether it is no UTF-16, which almost any even number of bytes would pass for.

    Spaces, full stops and ends of lines are control characters there, byte by byte, and every other byte is no letter.
    """
    is_marked = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    beyond = content.translate(None, _ASCII)
    return not is_marked and min(beyond, default=_SPACE) >= _SPACE and 3 * len(beyond) < len(content)


def _json(content: bytes) -> str:
    """Written anew, one value per line: that leaves places to end a piece."""
    if not content.strip():
        return ""
    try:
        return json.dumps(json.loads(content.decode("utf-8-sig")), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        raise Invalid("the file is not valid JSON") from None


def _pdf(content: bytes) -> str:
    # It takes a tenth of a second to import, and almost no request brings a file.
    from pypdf import PdfReader

    shown: list[str] = []
    total = 0
    try:
        for number, page in enumerate(PdfReader(io.BytesIO(content)).pages, 1):
            text = page.extract_text().strip()
            total += len(text)
            if total > _MOST_CHARACTERS:
                break
            if text:
                shown.append(f"[Page {number}]\n{text}")
    except Exception as error:
        # Of a file that breaks the format the library raises whatever it stumbles over.
        logger.info("pdf_unreadable", size=len(content), error=type(error).__name__)
        raise Invalid("the PDF cannot be read") from error
    if total > _MOST_CHARACTERS:
        raise TooLarge("the PDF holds too much text")
    return "\n\n".join(shown)


def _storable(text: str) -> str:
    """Without NUL, which Postgres does not know, and with half a surrogate pair replaced, which nothing can encode."""
    return encodable(text.replace("\x00", ""))
