"""What a setting must be, in words, from its type."""

import json
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from shared.settings.knobs import Knob, choices


def must(knob: Knob) -> str:
    """The end of a sentence about a setting that is wrong: `must be a whole number from 1 to 100`."""
    return f"must be {_what(knob)}"


def _what(knob: Knob) -> str:
    kind = knob.kind
    if allowed := choices(kind):
        return f"one of {listed(allowed, 'or')}"
    if get_origin(kind) is tuple:
        return _list(knob, choices(get_args(kind)[0]))
    if get_origin(kind) is dict:
        return """a JSON object such as {"name": "value"}"""
    if kind is bool:
        return "true or false"
    if kind is str or kind.__name__ == "SecretStr":
        return "text"
    return f"{'a whole number' if kind is int else 'a number'}{_range(_bounds(knob), is_whole=kind is int)}"


def _list(knob: Knob, allowed: tuple[str, ...]) -> str:
    of = f" of {listed(allowed, 'and')}" if allowed else ""
    return f"a JSON list{of}, such as {json.dumps(knob.default)}"


def listed(words: tuple[str, ...] | list[str], last: str) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _bounds(knob: Knob) -> list[Any]:
    # `Annotated[int, ...] | None` keeps its bounds inside the union.
    inner = [bound for one in get_args(knob.field.annotation) for bound in getattr(one, "__metadata__", ())]
    nested = [bound for one in inner for bound in getattr(one, "metadata", ())]
    return [*knob.field.metadata, *nested]


def _range(bounds: list[Any], *, is_whole: bool) -> str:
    least, above, most, below = (_bound(bounds, kind) for kind in (Ge, Gt, Le, Lt))
    if is_whole and above is not None:
        least, above = above + 1, None
    low = "" if least is None and above is None else f" above {above}" if least is None else f" from {least}"
    high = "" if most is None and below is None else f" below {below}" if most is None else f" to {most}"
    if low.startswith(" from") and not high:
        return f" of at least {least}"
    return f"{low}{' and at most' + high.removeprefix(' to') if low.startswith(' above') and high else high}"


def _bound(bounds: list[Any], kind: Any) -> Any:
    for bound in bounds:
        if isinstance(bound, kind):
            return getattr(bound, kind.__name__.lower())
    return None
