"""Functions of the account that can be invoked: what they were given, and what they answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.aws.protocol import Answer, Fault

_VISIT: dict[str, object] = {"sent": 2, "dreams": 0, "indexed": 0, "next_due_at": None}


class Failed(Exception):
    """The function ends with an error of this name, and a text that nobody should hand on."""


@dataclass
class Functions:
    """Every function answers with `answer`. `fault`: how Lambda itself refuses the call."""

    answer: Callable[[Any], object] = lambda event: _VISIT
    fault: Fault | None = None
    invoked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])

    def invoke(self, name: str, body: bytes) -> Answer:
        if self.fault is not None:
            raise self.fault
        event = json.loads(body)
        self.invoked.append((name, event))
        try:
            return Answer(200, json.dumps(self.answer(event)).encode(), "application/json")
        except Failed as failed:
            told = {"errorType": str(failed), "errorMessage": "at postgresql://app:hunter2@db"}
            error = (("X-Amz-Function-Error", "Unhandled"),)
            return Answer(200, json.dumps(told).encode(), "application/json", error)
