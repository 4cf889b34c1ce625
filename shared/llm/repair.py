"""JSON objects out of what models write when they are asked for one."""

import json
import re
from collections.abc import Iterator
from typing import Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from shared.domain.errors import AnswerUnreadable
from shared.domain.json import Json, JsonObject, each_text, encodable

T = TypeVar("T", bound=BaseModel)

_FENCED: Final = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL | re.IGNORECASE)
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*(?P<closed>")?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_SIGNS: Final = frozenset("{}[],:")
_ENDS: Final = frozenset("}],")
_CLOSERS: Final = {"{": "}", "[": "]"}


def parse_object(text: str) -> JsonObject:
    """The object in `text`: prose, code fences and slips of syntax around and in it are forgiven.

    Of an answer that was cut off, the complete array items are kept. Raises `AnswerUnreadable` when there is none.
    """
    body = _unfenced(text)
    whole = _loads(body)
    if isinstance(whole, dict):
        return whole
    # Sound JSON that is no object is not searched: a list's first item is not the answer.
    # The longest block first: around the answer there may be small examples.
    blocks = sorted(_blocks(body), key=len, reverse=True) if whole is None else []
    for load in (_loads, _loads_forgiving):
        for block in blocks:
            found = load(block)
            if isinstance(found, dict):
                return found
    raise AnswerUnreadable("the answer holds no JSON object")


def read(model: type[T], text: str) -> T:
    """The object in `text` as a `model`. Raises `AnswerUnreadable`."""
    try:
        return model.model_validate(parse_object(text))
    except ValidationError as error:
        # Only the places: the error's own text quotes what the model wrote.
        places = sorted({".".join(map(str, found["loc"])) for found in error.errors(include_input=False)})
        raise AnswerUnreadable(
            f"the answer is not of the form {model.__name__}: look at {', '.join(places[:5])}"
        ) from error


def _unfenced(text: str) -> str:
    # A fence inside an object's string is not around it.
    fenced = None if text.lstrip().startswith(("{", "[")) else _FENCED.search(text)
    return fenced[1] if fenced else text


def _loads(text: str) -> Json:
    try:
        # Not strict about control characters: models write line breaks inside strings.
        return each_text(cast(Json, json.loads(text, strict=False)), encodable)
    except (ValueError, RecursionError):
        return None


def _loads_forgiving(text: str) -> Json:
    # Imported late: most answers need no repair.
    import json_repair

    try:
        return each_text(cast(Json, json_repair.loads(text, skip_json_loads=True)), encodable) or None
    except (ValueError, RecursionError):
        return None


def _blocks(text: str) -> Iterator[str]:
    """The outermost `{…}` of `text` in order; the last one may have been cut off and is closed."""
    start = text.find("{")
    while start >= 0:
        end, closed = _block(text, start)
        yield closed
        start = text.find("{", end)


def _block(text: str, start: int) -> tuple[int, str]:
    """Where the block that opens at `start` ends, and the block; one without an end is cut to its complete items."""
    open_brackets: list[str] = []
    end, closers = start, ""
    earlier, before = "", ""
    for token in _TOKENS.finditer(text, start):
        sign = token[0]
        if sign in _CLOSERS:
            open_brackets.append(sign)
        elif sign in "}]":
            open_brackets.pop()
            if not open_brackets:
                return token.end(), text[start : token.end()]
        is_value = token["closed"] is not None and (before == ":" or open_brackets[-1] == "[")
        if (is_value or sign in _ENDS) and "[" not in open_brackets[:-1]:
            end = token.start() if sign == "," else token.end()
            closers = "".join(_CLOSERS[bracket] for bracket in reversed(open_brackets))
        earlier, before = before, sign
    # A quote that follows a word opens no string: with an unpaired one inside, the end was read as text.
    is_finished = before.startswith('"') and earlier not in _SIGNS and text.rstrip("` \n").endswith("}")
    return len(text), text[start:] if is_finished else text[start:end] + closers
