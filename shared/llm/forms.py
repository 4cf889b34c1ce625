"""The form that an answer must have: how it is asked for where a provider cannot enforce it."""

import json
from hashlib import sha256
from typing import Final

from shared.domain.json import Json
from shared.llm.types import Answer

# Not "json_schema" alone: that one schema is too much for a model says nothing about the next one.
_FEATURE: Final = "json_schema"


def instruction(answer: Answer, *, has_tools: bool) -> str:
    """What a model is told instead. The mode for JSON is refused by some unless the words say "json"."""
    when = "When you have called all the tools you need, answer" if has_tools else "Answer"
    return f"{when} with one json object that fits this JSON Schema:\n{_compact(answer.schema)}"


def feature(answer: Answer) -> str:
    """The name under which a server's objection to this schema is remembered."""
    return f"{_FEATURE}:{sha256(_compact(answer.schema).encode()).hexdigest()[:16]}"


def _compact(schema: Json) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
