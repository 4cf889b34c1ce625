"""Each configured model, asked once: does it answer, call tools, and keep to a form?"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from infra.local.models_in_use import briefly, described, in_use
from infra.tools.doctor.finding import Finding, Status
from shared.domain.errors import AnswerUnreadable, ModelRefused, ServiceError
from shared.llm.provider import ChatModel, open_chat_model, open_embedder
from shared.llm.repair import parse_object
from shared.llm.types import Answer, Completion, Reply, SystemTurn, Tool, UserTurn
from shared.settings.choice import key_variables
from shared.settings.models import EmbeddingSpec, ModelSpec
from shared.settings.sources import Resolved

_PATIENCE_S: Final = 20.0
_AT_ONCE: Final = 4
_STATUS: Final = re.compile(r"\b(?:HTTP|error) (\d{3})\b")
# The embedder compares them itself, with every answer.
_SIZES: Final = re.compile(r"of (\d+) dimensions, (\d+) are configured")

_SYSTEM: Final = SystemTurn("This is a check of the connection. Do exactly what is asked, in as few words as you can.")
_NOTE: Final = Tool(
    "note_colour",
    "Note a colour.",
    {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]},
)
_FORM: Final = Answer(
    "colour",
    {
        "type": "object",
        "properties": {"colour": {"type": "string"}},
        "required": ["colour"],
        "additionalProperties": False,
    },
)


def examine_models(found: Resolved) -> Iterator[Finding]:
    """A line for each distinct model, in the order of the settings; they are asked at the same time."""
    try:
        models = in_use(found.settings)
    except ServiceError as error:
        yield Finding("models", "problem", str(error))
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [pool.submit(_examine, spec, features, found) for spec, features in models.items()]
        yield from (one.result() for one in waiting)


def _examine(spec: ModelSpec | EmbeddingSpec, features: list[str], found: Resolved) -> Finding:
    subject = "model" if isinstance(spec, ModelSpec) else "embeddings"
    try:
        if spec.provider == "offline":
            status, text = "ok", "answers without a network"
        elif isinstance(spec, ModelSpec):
            status, text = _chat(spec, found)
        else:
            status, text = _embeddings(spec, found)
    except Exception as error:  # whatever an SDK does, the other lines are worth having
        status, text = "problem", f"failed with {type(error).__name__}"
    of = f" ({briefly(features)})" if isinstance(spec, ModelSpec) else ""
    return Finding(subject, status, f"{described(spec)}{of}: {text}")


def _chat(spec: ModelSpec, found: Resolved) -> tuple[Status, str]:
    model = _Asked(open_chat_model(spec), found.settings.llm.default_max_tokens)
    called = _trial(lambda: model.ask("Note the colour blue with the tool.", tools=(_NOTE,), choice="any"), _has_called)
    if isinstance(called, ServiceError) and not _is_about_the_question(called):
        return "problem", _refusal(called, spec, found)
    if called is not True:
        # Without tools it shows whether it answers at all.
        answered = _trial(lambda: model.ask("Say the word blue."), lambda reply: bool(reply.text.strip()))
        if isinstance(answered, ServiceError):
            return "problem", _refusal(answered, spec, found)
        if not answered:
            return "problem", f"answers with nothing: see {_model_knob(spec, found)}"
    formed = _trial(lambda: model.ask('Answer {"colour": "blue"} as JSON.', answer=_FORM), _has_form)
    if isinstance(formed, ServiceError) and not _is_about_the_question(formed):
        return "problem", _refusal(formed, spec, found)
    lacks = [what for what, result in (("tool calls", called), ("structured output", formed)) if result is not True]
    if lacks:
        return "problem", f"answers, but gives no {' and no '.join(lacks)}: choose another {_model_knob(spec, found)}"
    return "ok", "answers, calls tools, keeps to a form"


class _Asked:
    """A model that is asked short questions."""

    def __init__(self, model: ChatModel, most_tokens: int) -> None:
        self._model = model
        # Room also for models that think before they say a word.
        self._most_tokens = most_tokens

    def ask(
        self, text: str, *, tools: tuple[Tool, ...] = (), choice: str = "auto", answer: Answer | None = None
    ) -> Reply:
        turns = (_SYSTEM, UserTurn(text))
        return self._model.complete(
            Completion(turns, "doctor", self._most_tokens, tools, choice, answer, timeout_s=_PATIENCE_S)
        )


def _trial(ask: Callable[[], Reply], is_good: Callable[[Reply], bool]) -> bool | ServiceError:
    try:
        return is_good(ask())
    except ServiceError as error:
        return error


def _is_about_the_question(error: ServiceError) -> bool:
    """Whether tools or form may be what was refused, and not the key, the model or everything."""
    return isinstance(error, ModelRefused) and _status(error) not in (401, 403, 404)


def _has_called(reply: Reply) -> bool:
    return any(call.name == _NOTE.name and call.arguments is not None for call in reply.tool_calls)


def _has_form(reply: Reply) -> bool:
    # Read as the features read it: fences and slips around the object are forgiven.
    try:
        return isinstance(parse_object(reply.text).get("colour"), str)
    except AnswerUnreadable:
        return False


def _embeddings(spec: EmbeddingSpec, found: Resolved) -> tuple[Status, str]:
    try:
        embedder = open_embedder(spec)
        (vector,) = embedder.embed(["blue"])
    except ServiceError as error:
        if match := _SIZES.search(str(error)):
            return "problem", f"gives {match[1]} dimensions, but VECTOR_STORE_DIMENSIONS is {match[2]}"
        return "problem", _refusal(error, spec, found)
    return "ok", f"{len(vector)} dimensions"


def _refusal(error: ServiceError, spec: ModelSpec | EmbeddingSpec, found: Resolved) -> str:
    """Why a model does not answer, and the setting to look at. The provider's own words are left out."""
    status = _status(error)
    if status in (401, 403):
        return f"the key is refused (HTTP {status}): see {_key_knob(spec)}"
    if status == 404:
        return f"there is no such model, or not at this address (HTTP 404): see {_model_knob(spec, found)}"
    if isinstance(error, ModelRefused):
        return f"the request is refused{f' (HTTP {status})' if status else ''}: see {_model_knob(spec, found)}"
    if status is not None:
        # Too many requests are a matter of what the key may, anything else of who answers.
        return f"is not available (HTTP {status}): see {_key_knob(spec) if status == 429 else _address_knob(spec)}"
    return f"{str(error).partition(' ')[2] or 'cannot be reached'}: see {_address_knob(spec)}"


def _status(error: ServiceError) -> int | None:
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def _key_knob(spec: ModelSpec | EmbeddingSpec) -> str:
    return next(name for name in key_variables(spec) if name.endswith("_KEY"))


def _address_knob(spec: ModelSpec | EmbeddingSpec) -> str:
    return _key_knob(spec).replace("_API_KEY", "_BASE_URL")


def _model_knob(spec: ModelSpec | EmbeddingSpec, found: Resolved) -> str:
    """The setting that named the model; the one that would, when nothing did."""
    if isinstance(spec, EmbeddingSpec):
        return "LLM_EMBEDDING_MODEL"
    named = [one.name for keys, one in found.given.items() if keys[-1].endswith("model") and one.value == spec.model]
    return " and ".join(named) if named else "LLM_DEFAULT_MODEL"
