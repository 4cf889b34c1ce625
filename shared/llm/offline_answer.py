"""Answering a question from what the tools found, or asking them: the offline model's part of the dialectic."""

from collections.abc import Iterable, Sequence
from typing import cast

from shared.domain.json import JsonObject
from shared.llm.offline_knowledge import Known, known_from
from shared.llm.offline_prompts import peer_asked_about, query_of
from shared.llm.offline_relevance import fitness, nearest_in_meaning, reworded, same_subject, subjects, understood
from shared.llm.offline_schema import filled
from shared.llm.offline_tools import Wanted, grounds_wanted, tools_wanted
from shared.llm.provider import Embedder
from shared.llm.types import AssistantTurn, Completion, Tool, ToolCall

MAX_FACTS = 5
MAX_BROAD_FACTS = 8
# What is less than this share as fitting as the best is left out.
_CUTOFF = 0.6
_SEARCHES = ("search_memory", "search_messages")


def next_calls(request: Completion, meaning: Embedder | None = None) -> tuple[ToolCall, ...]:
    """The tools to call now: searches and what the question asks for at first, then what an answer rests on if that
    is asked, or one search in other words if nothing was found; else none."""
    if not request.tools or request.choice == "none":
        return ()
    query = query_of(request.turns) or ""
    question = understood(query, _names(request, ()))
    forced = request.choice != "auto"
    wanted = [tool for tool in request.tools if request.choice in {"auto", "any", "required", tool.name}]
    searches = [tool for tool in wanted if tool.name in _SEARCHES]
    rounds = _rounds(request)
    if not rounds and searches and (query or forced):
        words = " ".join(question.words) or query
        calls = [_call(request, tool, words, number) for number, tool in enumerate(searches)]
        return (*calls, *_named(request, wanted, tools_wanted(query), len(calls)))
    known = known_from(request.turns)
    again = reworded(question)
    if forced and wanted:
        return (_call(request, (searches or wanted)[0], again or query, 0),)
    if len(rounds) != 1:
        return ()
    found = relevant(request, known, meaning)
    if found or not (searches and again) or again in {_words_of(call) for call in rounds[0].tool_calls}:
        marks = [item.mark for item in found if item.mark]
        return tuple(_named(request, wanted, grounds_wanted(query, marks), 0))
    return (_call(request, searches[0], again, 0),)


def _named(request: Completion, offered: Sequence[Tool], wanted: Iterable[Wanted], first: int) -> list[ToolCall]:
    """Calls of those `wanted` that are on offer."""
    names = {tool.name for tool in offered}
    possible = [one for one in wanted if one[0] in names]
    return [
        ToolCall(f"call_{len(request.turns)}_{number}", name, arguments)
        for number, (name, arguments) in enumerate(possible, first)
    ]


def relevant(request: Completion, known: Sequence[Known], meaning: Embedder | None = None) -> list[Known]:
    """What of `known` answers the question, the best first; of what cannot all be true, the newest first."""
    names = _names(request, known)
    question = understood(query_of(request.turns) or "", names)
    if question.is_broad:
        facts = [item for item in known if not item.quoted]
        return sorted(facts, key=lambda item: (item.peer is not None, item.rank))[:MAX_BROAD_FACTS]
    scored = [(fitness(question, item), item) for item in known]
    if meaning is not None and not any(score for score, _ in scored):
        return nearest_in_meaning(question, known, meaning, names)
    best = max((score for score, _ in scored), default=0.0)
    fitting = [(score, item) for score, item in scored if score > 0 and score >= best * _CUTOFF]
    # Sorting is stable: newest first among equals, then the nearer in meaning.
    fitting.sort(key=lambda pair: pair[1].day or "", reverse=True)
    fitting.sort(key=lambda pair: pair[0], reverse=True)
    return _newest_first([item for _, item in fitting[:MAX_FACTS]])


def answer_text(request: Completion, meaning: Embedder | None = None) -> str:
    """The answer in sentences that quote what is known, with dates."""
    found = relevant(request, known_from(request.turns), meaning)
    if not found:
        return _nothing_known(query_of(request.turns) or "")
    room = request.max_output_tokens * 4
    sentences: list[str] = []
    for item in found:
        sentence = item.sentence
        if sentences and any(same_subject(item.text, other.text) for other in found[: found.index(item)]):
            sentence = f"Earlier: {sentence}"
        room -= len(sentence) + 1
        if room < 0 and sentences:
            break
        sentences.append(sentence)
    return " ".join(sentences)


def answer_object(request: Completion, schema: JsonObject, meaning: Embedder | None = None) -> JsonObject:
    """The answer as an object of the form asked for."""
    known = relevant(request, known_from(request.turns), meaning)
    facts = [item.text.rstrip(". ") for item in known]
    return filled(schema, facts, answer_text(request, meaning))


def _names(request: Completion, known: Sequence[Known]) -> frozenset[str]:
    about = peer_asked_about(request.turns)
    return frozenset({about.lower()}) if about else subjects(known)


def _newest_first(items: list[Known]) -> list[Known]:
    """`items` with those of one subject that changes, such as the home, in the order of their dates."""
    places = [index for index, item in enumerate(items) if same_subject(item.text, item.text)]
    newest = sorted((items[index] for index in places), key=lambda item: item.day or "", reverse=True)
    ordered = list(items)
    for index, item in zip(places, newest, strict=True):
        ordered[index] = item
    return ordered


def _nothing_known(query: str) -> str:
    words = " ".join(query.split())
    asked = words if len(words) <= 200 else words[:200].rpartition(" ")[0] + "…"
    return f'Nothing is known about this: "{asked}".' if asked else "Nothing is known about this."


def _rounds(request: Completion) -> list[AssistantTurn]:
    return [turn for turn in request.turns if isinstance(turn, AssistantTurn) and turn.tool_calls]


def _call(request: Completion, tool: Tool, words: str, number: int) -> ToolCall:
    arguments = filled(tool.parameters, [], words)
    properties = tool.parameters.get("properties")
    offered = cast(JsonObject, properties) if isinstance(properties, dict) else {}
    for name, value in (("query", words), ("text", words), ("top_k", 20), ("limit", 10)):
        if name in offered and (isinstance(value, str) or _allows(offered[name], value)):
            arguments[name] = value
    return ToolCall(f"call_{len(request.turns)}_{number}", tool.name, arguments)


def _allows(schema: object, value: int) -> bool:
    maximum = cast(JsonObject, schema).get("maximum") if isinstance(schema, dict) else None
    return not isinstance(maximum, int | float) or value <= maximum


def _words_of(call: ToolCall) -> str:
    words = (call.arguments or {}).get("query")
    return words if isinstance(words, str) else ""
