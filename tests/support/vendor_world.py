"""What every provider must do, said once: the words that each vendor's protocol stands behind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Literal, Protocol

from shared.domain.json import Json, JsonObject
from shared.llm.types import Usage
from shared.settings.models import ModelSpec
from tests.support.scripted_server import Received, Scripted, ScriptedServer

Ending = Literal["stop", "length", "refusal"]
COUNTED = Usage(100, 30, 64, 8, 20)
COUNTED_WITHOUT_WRITES = replace(COUNTED, cache_write_tokens=0)


@dataclass(frozen=True, slots=True)
class Line:
    """What a model is made to say: text, calls as (id, name, arguments), and whether it thought before."""

    text: str = ""
    calls: tuple[tuple[str, str, JsonObject], ...] = ()
    is_thought: bool = False
    ending: Ending = "stop"


class World(Protocol):
    """One vendor's server, and how to read what it was sent."""

    @property
    def label(self) -> str: ...

    @property
    def schema_complaint(self) -> str | None:
        """How a schema is objected to; None where none is ever sent."""
        ...

    @property
    def usage(self) -> Usage:
        """What `counted` comes to."""
        ...

    def spec(self, server: ScriptedServer, key: str, backup: ModelSpec | None = None) -> ModelSpec: ...

    def whole(self, line: Line) -> Scripted: ...

    def streamed(self, line: Line, *, gate: Event | None = None, is_cut: bool = False) -> Scripted: ...

    def counted(self) -> Scripted: ...

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted: ...

    def thoughts(self, received: Received) -> list[Json]:
        """The signed thoughts in a request."""
        ...

    def results(self, received: Received) -> list[str]:
        """The results of tools in a request, in order."""
        ...

    def callable_tools(self, received: Received) -> list[str]:
        """The tools of a request that may be called."""
        ...

    def has_schema(self, received: Received) -> bool: ...
