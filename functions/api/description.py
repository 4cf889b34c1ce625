"""What `/openapi.json` says about answers that are no success: every status, and the body that comes with it.

Most follow from the shape of an operation and are added here; what only one route answers stands beside the route,
as `responses=also(409)`. Nothing of this costs anything before somebody asks for the description.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from fastapi import FastAPI

Schema: TypeAlias = dict[str, Any]

_MEANINGS: Final = {
    201: "It was made by this call",
    400: "The body cannot be read, or a session would have too many observers",
    401: "The key is missing or opens something else",
    402: "The budget of the workspace has no room for what this would cost",
    404: "What the path or the body names does not exist",
    405: "Not available as this server is set up",
    409: "What is stored already stands against it, or the same request is still running",
    413: "The body or the file is too large",
    415: "Files of this type cannot be read",
    422: "The request is not valid",
    429: "Too many requests at once",
    503: "The database or a model cannot be reached",
}
_LATER: Final = (429, 503)
_METHODS: Final = ("get", "put", "post", "delete")
_PROBLEM: Final[Schema] = {
    "title": "Problem",
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"title": "Detail", "type": "string"}},
}
_INVALID_REQUEST: Final[Schema] = {
    "title": "InvalidRequest",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "title": "Detail",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}},
            ],
        }
    },
}


def also(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the `responses` of a route: statuses that do not follow from its shape."""
    return {status: {"description": _MEANINGS[status]} for status in statuses}


def install(app: FastAPI) -> None:
    """Make `app` describe each answer it gives."""
    plain: Callable[[], Schema] = app.openapi

    def described() -> Schema:
        if app.openapi_schema is None:
            _complete(plain())
        return plain()

    app.openapi = described


def _complete(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas |= {"Problem": _PROBLEM, "InvalidRequest": _INVALID_REQUEST}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _describe(path, item[method])


def _describe(path: str, operation: Schema) -> None:
    answers: Schema = operation["responses"]
    for status in _implied(path, operation):
        answers.setdefault(str(status), {"description": _MEANINGS[status]})
    for status, told in answers.items():
        if status == "201" and "content" not in told:
            told["content"] = answers["200"]["content"]
        if int(status) >= 400:
            name = "InvalidRequest" if status == "422" else "Problem"
            told["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        if int(status) in _LATER:
            wait = {"description": "Seconds to wait before trying again", "required": True}
            told["headers"] = {"Retry-After": {**wait, "schema": {"type": "integer", "minimum": 0}}}
    operation["responses"] = dict(sorted(answers.items()))


def _implied(path: str, operation: Schema) -> Iterator[int]:
    """The statuses that the shape of an operation brings with it."""
    if operation.get("security"):
        # Open routes are those that look at nothing: neither at a key nor, but for one, at the database.
        yield from (401, 429, 503)
    if "requestBody" in operation:
        yield from (400, 413)
    if "{" in path:
        yield 404
    if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ())):
        yield 409
    if "requestBody" in operation or operation.get("parameters"):
        yield 422
