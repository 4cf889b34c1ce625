"""Answers as JSON, written once: the routes build what they send, so nothing validates or copies it again."""

from pydantic_core import to_json
from starlette.responses import Response


def answer(content: object, status: int = 200) -> Response:
    """`content` (wire models, or lists and dicts of them) as a JSON answer."""
    return Response(to_json(content), status, media_type="application/json")


def nothing() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)
