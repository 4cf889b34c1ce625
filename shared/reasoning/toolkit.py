"""Tools of agents: typed arguments in, text for the model out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from shared.domain.conclusion import Conclusion
from shared.domain.errors import BudgetExhausted, Unavailable
from shared.domain.json import Json, JsonObject
from shared.domain.message import Message
from shared.llm.types import Tool, ToolCall
from shared.memory.gather import gather
from shared.reasoning.prompts import defused, fenced
from shared.telemetry import tracing
from shared.telemetry.logs import logger

C = TypeVar("C")
A = TypeVar("A", bound=BaseModel)

# A model that loses its way may ask for hundreds of searches in one turn.
_MOST_CALLS = 16
# What arguments are checked for but no model would break knowingly; every word of a schema is paid for each turn.
_UNTOLD: Final = frozenset(("title", "minLength", "maxLength", "minimum"))
_CUT_NOTE: Final = "\n[The result was longer and is cut here. Ask for less to see the rest.]"
_FENCE_CHARS: Final = len(fenced("findings", ""))
_FAILED: Final = "The tool failed."


class Rephrase(Exception):
    """The call cannot work like this; the model is told why and may try again."""


class Refused(Exception):
    """The call is not allowed; the model is told why and should not try again."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool says to the model, and what was read for it. `is_quoted`: others wrote it, also without rows."""

    text: str
    conclusions: tuple[Conclusion, ...] = ()
    messages: tuple[Message, ...] = ()
    is_quoted: bool = False

    @property
    def is_data(self) -> bool:
        """Whether it repeats what others wrote, and not only what we have to say."""
        return self.is_quoted or bool(self.conclusions or self.messages)


@dataclass(frozen=True, slots=True)
class Used:
    """A tool call and what came of it. `is_ok` is false when the tool was not run to its end."""

    call: ToolCall
    result: ToolResult
    is_ok: bool


@dataclass(frozen=True, slots=True)
class AgentTool(Generic[C]):
    """A tool on the shelf: what the model is told about it, and how it runs in a context."""

    definition: Tool
    run: Callable[[C, JsonObject], ToolResult]


def tool(arguments: type[A]) -> Callable[[Callable[[C, A], ToolResult]], AgentTool[C]]:
    """Make a function of a context and `arguments` a tool, named and described as the function is."""

    def make(function: Callable[[C, A], ToolResult]) -> AgentTool[C]:
        name, told = function.__name__, " ".join((function.__doc__ or "").split())

        def run(context: C, given: JsonObject) -> ToolResult:
            return function(context, arguments.model_validate(given))

        return AgentTool(Tool(name, told, parameters_of(arguments)), run)

    return make


def parameters_of(arguments: type[BaseModel]) -> JsonObject:
    """The JSON Schema of `arguments` with nothing by reference and no noise: smaller, and read by all models."""
    schema = cast(JsonObject, arguments.model_json_schema())
    definitions = schema.pop("$defs", {})
    flat = _flat(schema, definitions if isinstance(definitions, dict) else {})
    flat.pop("description", None)
    return flat


class ToolSet:
    """The tools that one agent may use, in one context.

    `in_order`: one call after the other, where what one changes the next must see, whichever thread is the quicker.
    """

    def __init__(
        self, tools: Sequence[AgentTool[C]], context: C, *, max_output_chars: int, in_order: bool = False
    ) -> None:
        self._run: dict[str, Callable[[JsonObject], ToolResult]] = {
            one.definition.name: partial(one.run, context) for one in tools
        }
        self._max_output_chars = max_output_chars
        self._in_order = in_order
        self.definitions: Final = tuple(one.definition for one in tools)

    def use(self, calls: Sequence[ToolCall]) -> list[Used]:
        """What the calls of one turn give, in their order; they run at the same time unless told. Never raises."""
        wanted = [partial(self._use, call) for call in calls[:_MOST_CALLS]]
        done = tuple(use() for use in wanted) if self._in_order else gather(*wanted)
        rest = (_not_run(call, f"Not run: at most {_MOST_CALLS} calls in one turn.") for call in calls[_MOST_CALLS:])
        return [*done, *rest]

    def _use(self, call: ToolCall) -> Used:
        # What a model calls a tool that there is not may be anything.
        with tracing.span("tool_call", tool=call.name if call.name in self._run else "(unknown)") as span:
            used = self._used(call)
            span.attributes |= {"is_ok": used.is_ok, "result_chars": len(used.result.text)}
            return used

    def _used(self, call: ToolCall) -> Used:
        run = self._run.get(call.name)
        if run is None:
            return _not_run(call, f"There is no tool of this name. Tools: {', '.join(self._run) or 'none'}.")
        if call.arguments is None:
            return _not_run(call, "Not run: the arguments were not valid JSON. Call again with a JSON object.")
        try:
            return Used(call, self._fitted(run(call.arguments)), is_ok=True)
        except ValidationError as error:
            return _not_run(call, f"Not run: {_explained(error)}. Call again with corrected arguments.")
        except (Rephrase, Refused) as error:
            return _not_run(call, str(error))
        except (Unavailable, BudgetExhausted) as error:
            logger.warning("tool_unavailable", tool=call.name, error=type(error).__name__)
            return _not_run(call, "The tool cannot be reached right now.")
        except Exception:
            logger.exception("tool_failed", tool=call.name)
            return _not_run(call, _FAILED)

    def _fitted(self, result: ToolResult) -> ToolResult:
        if not result.is_data:
            return replace(result, text=whole_lines(result.text, self._max_output_chars))
        # Defused before it is cut, because that makes it longer.
        text = whole_lines(defused(result.text), max(self._max_output_chars - _FENCE_CHARS, 0))
        return replace(result, text=fenced("findings", text))


def clipped(text: str, max_chars: int, note: str = "…") -> str:
    """`text` if it has at most `max_chars` characters, else its beginning and `note`, together at most as many."""
    if len(text) <= max_chars:
        return text
    return text[: max(max_chars - len(note), 0)].rstrip() + note[:max_chars]


def whole_lines(text: str, max_chars: int) -> str:
    """`text` if it has at most `max_chars` characters, else its first lines and a note; a very long line is cut."""
    if len(text) <= max_chars:
        return text
    kept = text[: max(max_chars - len(_CUT_NOTE), 0)]
    end = kept.rfind("\n")
    return clipped(text, max_chars, _CUT_NOTE) if end <= 0 else kept[:end] + _CUT_NOTE


def _not_run(call: ToolCall, text: str) -> Used:
    return Used(call, ToolResult(text), is_ok=False)


def _explained(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'arguments'}: {p['msg'].lower()}" for p in problems[:5])


def _flat(node: JsonObject, definitions: JsonObject) -> JsonObject:
    """`node` with references replaced by what they point to; a reference's siblings win."""
    reference = node.get("$ref")
    if isinstance(reference, str):
        target = definitions.get(reference.rpartition("/")[2])
        siblings: JsonObject = {key: value for key, value in node.items() if key != "$ref"}
        return _flat({**(target if isinstance(target, dict) else {}), **siblings}, definitions)
    flat: JsonObject = {}
    for key, value in node.items():
        if key == "properties" and isinstance(value, dict):
            # Names of properties, not keywords: one may well be called "title".
            flat[key] = {name: _flat_value(part, definitions) for name, part in value.items()}
        elif key not in _UNTOLD and (key, value) != ("default", ""):
            flat[key] = _flat_value(value, definitions)
    return flat


def _flat_value(value: Json, definitions: JsonObject) -> Json:
    if isinstance(value, dict):
        return _flat(value, definitions)
    return [_flat_value(part, definitions) for part in value] if isinstance(value, list) else value
