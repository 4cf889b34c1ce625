"""Answers as JSON, written once: the routes build what they send, so nothing validates or copies it again."""

from typing import Final

from pydantic_core import to_json
from starlette.responses import Response

from shared.domain.errors import TooLarge

# What Lambda hands over in one answer, less what headers and envelope may take.
_MOST_BYTES: Final = 6 * 1024 * 1024 - 64 * 1024


def answer(content: object, status: int = 200) -> Response:
    """`content` (wire models, or lists and dicts of them) as a JSON answer."""
    return Response(to_json(content), status, media_type="application/json")


def got_or_made(content: object, *, is_new: bool) -> Response:
    """The answer of a get-or-create."""
    return answer(content, 201 if is_new else 200)


def check_deliverable(response: Response) -> None:
    """Raises `TooLarge` for an answer that Lambda would not hand over, while what it tells of can still be undone."""
    if not is_deliverable(bytes(response.body)):
        raise TooLarge("the answer would be too large to be delivered: send less at once")


def is_deliverable(body: bytes) -> bool:
    """Whether Lambda would hand over an answer with this body."""
    # It travels as a string inside JSON, where these take two bytes.
    return len(body) * 2 <= _MOST_BYTES or len(body) + body.count(b'"') + body.count(b"\\") <= _MOST_BYTES


def nothing() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)
