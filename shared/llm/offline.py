"""The model that needs no key: it reads the same prompts as any other and answers by rules, the same every time."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from shared.domain.json import JsonObject
from shared.llm.offline_answer import answer_object, answer_text, next_calls
from shared.llm.offline_dream import DONE, dream_calls, is_dream
from shared.llm.offline_embeddings import word_embedder
from shared.llm.offline_extract import extract
from shared.llm.offline_prompts import last_user_text, numbered_messages, pieces, query_of, target_peer
from shared.llm.offline_summary import summary_of, wants_summary
from shared.llm.provider import Embedder
from shared.llm.types import AssistantTurn, Completion, Delta, FinishReason, Reply, TextDelta, ToolCall, ToolTurn, Usage
from shared.settings.models import ModelSpec

# The vocabulary takes longer to load than an answer takes to make: four letters are about one token.
_LETTERS_PER_TOKEN = 4


def open_chat(spec: ModelSpec) -> "OfflineModel":
    return OfflineModel(spec.name, word_embedder())


class OfflineModel:
    """A chat model of rules. It knows only what the request says, as a model would, and keeps nothing.

    `meaning`, where there is one, tells which facts are near to a question that shares no word with them.
    """

    def __init__(self, name: str, meaning: Embedder | None = None) -> None:
        self._name = name
        self._meaning = meaning

    @property
    def name(self) -> str:
        return self._name

    def complete(self, request: Completion) -> Reply:
        calls = _calls(request, self._meaning)
        if calls:
            written = sum(len(call.name) + len(json.dumps(call.arguments)) for call in calls)
            return Reply("", calls, _usage(request, written), "tool_calls", self._name)
        text, finish = _within(_answer(request, self._meaning), request.max_output_tokens * _LETTERS_PER_TOKEN)
        return Reply(text, (), _usage(request, len(text)), finish, self._name)

    def stream(self, request: Completion) -> Iterator[Delta]:
        reply = self.complete(request)
        for piece in pieces(reply.text):
            yield TextDelta(piece)
        yield reply


def _calls(request: Completion, meaning: Embedder | None) -> tuple[ToolCall, ...]:
    if _is_extraction(request):
        return ()
    return dream_calls(request) if is_dream(request) else next_calls(request, meaning)


def _answer(request: Completion, meaning: Embedder | None) -> "str | list[JsonObject]":
    """The text to say, or the facts to list."""
    prompt = last_user_text(request.turns)
    if is_dream(request):
        return DONE
    if _is_extraction(request):
        facts = extract(numbered_messages(prompt), target_peer(prompt) or "")
        return [asdict(fact) for fact in facts]
    if request.answer is not None:
        return json.dumps(answer_object(request, request.answer.schema, meaning), ensure_ascii=False)
    if query_of(request.turns) is None and wants_summary(_everything_asked(request)):
        return summary_of(_everything_asked(request), request.max_output_tokens)
    return answer_text(request, meaning)


def _is_extraction(request: Completion) -> bool:
    properties = request.answer.schema.get("properties") if request.answer else None
    return isinstance(properties, dict) and "explicit" in properties


def _within(answer: "str | list[JsonObject]", room: int) -> tuple[str, FinishReason]:
    """The answer as text of at most `room` letters; a list loses its last facts and stays readable."""
    if isinstance(answer, str):
        return (answer, "stop") if len(answer) <= room else (answer[:room], "length")
    kept: list[JsonObject] = []
    used = len('{"explicit": []}')
    for fact in answer:
        used += len(json.dumps(fact, ensure_ascii=False)) + 2
        if used > room:
            break
        kept.append(fact)
    text = json.dumps({"explicit": kept}, ensure_ascii=False)
    return text, "stop" if len(kept) == len(answer) else "length"


def _everything_asked(request: Completion) -> str:
    return "\n".join(turn.text for turn in request.turns if not isinstance(turn, AssistantTurn | ToolTurn))


def _usage(request: Completion, written: int) -> Usage:
    read = sum(len(turn.text) for turn in request.turns)
    return Usage(read // _LETTERS_PER_TOKEN, max(1, written // _LETTERS_PER_TOKEN))
