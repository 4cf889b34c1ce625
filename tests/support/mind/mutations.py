"""Mistakes that the product could have made, each of which the machine must notice."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

import pytest

from shared.memory import conclude, consolidate, restating, undo
from shared.memory.dreams import DreamRules
from shared.memory.planning import Plan
from shared.reasoning import facts
from shared.reasoning.tools import concluding
from shared.reasoning.tools.workbench import Workbench
from shared.store import (
    conclusions,
    dreams,
    erasure,
    erasure_conclusions,
    idempotency,
    ledger,
    lineage,
    messages,
    outbox,
    record,
    summaries,
    undoing,
    work,
)

Mutation = Callable[[pytest.MonkeyPatch], None]


def swap(module: ModuleType, name: str, *changes: tuple[str, str]) -> Mutation:
    """The statement `name` of the module with other words in it."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        statement: str = getattr(module, name)
        for old, new in changes:
            assert old in statement, f"{name} no longer says {old}"
            statement = statement.replace(old, new)
        patch.setattr(module, name, statement)

    return mutate


def instead(owner: object, name: str, value: object) -> Mutation:
    """Something else under the name; given a function, in its place."""
    return lambda patch: patch.setattr(owner, name, value)


def both(*mutations: Mutation) -> Mutation:
    """Where one net is below the other."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        for one in mutations:
            one(patch)

    return mutate


def nothing(*_: Any, **__: Any) -> None:
    """In place of a function whose effect is left out."""


def always(value: object) -> Any:
    """In place of a function that should have thought about it."""

    def answer(*_: Any, **__: Any) -> object:
        return value

    return answer


def _same(given: Any) -> Any:
    return given


_REINFORCED: Any = vars(restating)["_reinforced"]
_REST: Any = vars(work)["_rest"]
_SOURCES: Any = vars(facts)["_Sources"]
_CITING: Any = _SOURCES.__init__
_CONFIGURATION = Plan.configuration
_KNOWN_ALIKE = conclude.known_alike
_NAMED = Workbench.named
_UNDOING: Any = vars(undo)["_Undoing"]


def _counted_twice(kept: Any, other: Any) -> Any:
    return replace(_REINFORCED(kept, other), times=kept.times + other.times)


def _deaf(self: Plan, _: Any) -> Any:
    return _CONFIGURATION(self, None)


def _citing_anybody(self: Any, shown: Any, _: Any) -> None:
    _CITING(self, shown, {message.seq for message in shown})


def _named_by_anybody(self: Workbench, ids: list[str], *, least: int = 1) -> Any:
    with self.backends.db.reading() as conn:
        found = conclusions.by_ids(conn, self.collection.workspace, ids)
    return list(found.values()) or _NAMED(self, ids, least=least)


def _resting_never(conn: Any, unit: Any, state: Any, terms: Any, now: Any) -> Any:
    return _REST(conn, unit, replace(state, lease_until=None, due_at=None), terms, now)


def _alike_anywhere(backends: Any, collection: Any, drafts: Any, vectors: Any) -> Any:
    nowhere = {key: replace(one, session=None) for key, one in drafts.items()}
    return _KNOWN_ALIKE(backends, collection, nowhere, vectors)


def _all_of_them(hidden: Any, _: Any) -> set[str]:
    return set(hidden)


_TOKEN = " AND u.token = %(token)s"
MUTATIONS: Final[dict[str, Mutation]] = {
    "the fence is not checked": both(
        instead(work, "fence", nothing),
        swap(work, "CLOSE_UNIT", (_TOKEN, "")),
        swap(dreams, "ADVANCE", (" AND phase = %(phase)s", "")),
    ),
    "a source counts twice": instead(restating, "_reinforced", _counted_twice),
    "what is not reasoned about is context": swap(messages, "WITH_CONTEXT", ("AND is_reasoned ", "")),
    "what is not reasoned about is derived": instead(Plan, "is_reasoned", always(True)),
    "a message's own word about reasoning is not heard": instead(Plan, "configuration", _deaf),
    "a member's observe_me is not heard": swap(record, "SCENE", ("coalesce(m.observe_me, ", "coalesce(")),
    "who has left goes on learning": swap(
        record,
        "SCENE",
        ("m.left_at IS NULL AND coalesce(m.obs", "coalesce(m.obs"),
        ("(m.left_at IS NULL AND m.obs", "(m.obs"),
    ),
    "windows are not cut where observers change": instead(work, "_alike", _same),
    "a lease keeps nobody away": instead(work, "_rest", _resting_never),
    "an answer is not kept": instead(work, "keep_answer", nothing),
    "a fact rests on what others said": instead(_SOURCES, "__init__", _citing_anybody),
    "sessions are not told apart": instead(conclude, "known_alike", _alike_anywhere),
    "heirs take over nothing": instead(lineage, "hand_over", nothing),
    "the ledger is not written": instead(ledger, "LEDGER", "SELECT 1"),
    "a dream builds on another collection": both(
        instead(Workbench, "named", _named_by_anybody),
        swap(lineage, "HOLD", ("AND observer = %(observer)s AND observed = %(observed)s", "")),
    ),
    "a dream dreams where it may not": instead(DreamRules, "may_dream", True),
    "a dream writes a card where it may not": instead(DreamRules, "may_write_card", True),
    "one source is enough for a pattern": both(
        instead(concluding, "sources_needed", always(1)), instead(consolidate, "sources_needed", always(1))
    ),
    "older statements overtake later ones": instead(concluding, "_check_overtaken", nothing),
    "a late summary takes the place of one that covers more": both(
        instead(work, "fence", nothing), swap(summaries, "PUT", (" WHERE s.covered_seq < EXCLUDED.covered_seq", ""))
    ),
    "a summary says what it said": swap(
        summaries, "PUT", ("SET content = EXCLUDED.content,", "SET content = s.content,")
    ),
    "an erasure leaves conclusions": instead(erasure_conclusions, "touched", always([])),
    "an erasure leaves summaries": swap(
        erasure, "UNSUMMARIZE", ("covered_seq >= %(first)s", "covered_seq > %(first)s + 1")
    ),
    "a key is taken each time": swap(
        idempotency, "CLAIM", ("WHERE k.expires_at <= %(now)s", "WHERE true OR k.expires_at <= %(now)s")
    ),
    "what is due is not woken": swap(
        outbox, "WAKE_DUE", ("due_at <= %(now)s", "due_at < %(now)s - interval '100 years'")
    ),
    "an undo leaves what was added": instead(_UNDOING, "_added", always([])),
    "an undo brings nothing back": instead(undoing, "restore", nothing),
    "an undo brings back what rests on what is gone": instead(undo, "_well_founded", _all_of_them),
    "an undo leaves the card": instead(_UNDOING, "_card", nothing),
    "waiting has no end": swap(
        outbox, "PLAN_UNITS", ("CASE WHEN w.wakes THEN %(grace_until)s ELSE %(aged_at)s END\n", "NULL\n")
    ),
}
