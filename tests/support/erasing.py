"""Workers that do everything there is to do, with a model that repeats what it is shown."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import LiteralString, TypeVar

from shared.backends import Backends
from shared.domain.work import TaskKind, WakeUp
from shared.llm.types import Completion, UserTurn
from shared.memory.backfill import reconcile
from shared.memory.erase import erase
from shared.memory.indexing import index_messages
from shared.memory.relay import relay
from shared.reasoning.derive import derive
from shared.reasoning.dream import dream
from shared.reasoning.summarize import summarize
from shared.store.database import Connection, Database
from tests.support.backends import AnsweringModel, facts
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Workplace

T = TypeVar("T")

PENDING: LiteralString = "SELECT unit FROM work_units WHERE workspace = %(workspace)s AND pending_items > 0"
# Sources that are not there any more, of conclusions and copies; messages that are cited and gone.
ORPHANS: LiteralString = """
SELECT c.id
  FROM conclusions AS c
 WHERE c.workspace = %(workspace)s
   AND (EXISTS (SELECT FROM unnest(c.source_ids) AS s (id)
                 WHERE NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = c.workspace AND p.id = s.id))
        OR c.copied_from IS NOT NULL
           AND NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = c.workspace AND p.id = c.copied_from)
        OR EXISTS (SELECT FROM unnest(c.message_ids) AS m (id)
                    WHERE NOT EXISTS (SELECT FROM messages AS n WHERE n.workspace = c.workspace AND n.id = m.id)))
"""
ASTRAY: LiteralString = """
SELECT u.unit, u.pending_items, u.pending_tokens, u.done_items, u.parked_items, n.*
  FROM work_units AS u,
       LATERAL (SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                       coalesce(sum(tokens) FILTER (WHERE state = 'pending'), 0) AS tokens,
                       count(*) FILTER (WHERE state = 'finished') AS done,
                       count(*) FILTER (WHERE state = 'parked') AS parked
                  FROM work_items AS i WHERE i.workspace = u.workspace AND i.unit = u.unit) AS n
 WHERE u.workspace = %(workspace)s
   AND (u.pending_items, u.pending_tokens, u.done_items, u.parked_items) <> (n.pending, n.tokens, n.done, n.parked)
"""
# What is counted, beside what a count would give.
MISCOUNTED: LiteralString = """
SELECT coalesce(s.term, c.term) AS term, s.df, c.df AS counted
  FROM (SELECT term, df FROM term_stats WHERE workspace = %(workspace)s) AS s
  FULL JOIN (SELECT w.lexeme AS term, count(*) AS df
               FROM message_search AS d, unnest(d.document) AS w
              WHERE d.workspace = %(workspace)s AND w.weights && '{A,B}'
              GROUP BY w.lexeme) AS c ON c.term = s.term
 WHERE s.df IS DISTINCT FROM c.df
"""
MISSUMMED: LiteralString = """
SELECT t.documents, t.lexemes, n.documents AS counted, n.lexemes AS summed
  FROM search_totals AS t,
       (SELECT count(*) AS documents, coalesce(sum(length(document)), 0) AS lexemes
          FROM message_search WHERE workspace = %(workspace)s) AS n
 WHERE t.workspace = %(workspace)s AND (t.documents, t.lexemes) <> (n.documents, n.lexemes)
"""

DO: dict[TaskKind, Callable[[Backends, WakeUp], None]] = {
    TaskKind.DERIVE: derive,
    TaskKind.SUMMARY: summarize,
    TaskKind.INDEX: index_messages,
    TaskKind.SCOPE: reconcile,
    TaskKind.ERASE: erase,
    TaskKind.DREAM: dream,
}


def repeated(request: Completion) -> str:
    """As facts: each message of the target, with the words of somebody else before it. As a summary: all of it."""
    [turn] = request.turns
    assert isinstance(turn, UserTurn)
    lines = re.findall(r"^\[#(\d+) [^\]]+\] ([\w.-]+): (.*)$", turn.text, re.MULTILINE)
    if request.purpose != "derive":
        earlier = turn.text.partition("<earlier_summary>")[2].partition("</earlier_summary>")[0]
        return earlier.strip() + " " + " ".join(f"{peer} said {text}." for _, peer, text in lines)
    target = re.search(r"Target peer: (\S+)", turn.text)
    assert target is not None
    found: list[tuple[str, int]] = []
    before = ""
    for number, peer, text in lines:
        if peer == target[1]:
            found.append((f"{text}{before}", int(number)))
        before = "" if peer == target[1] else f" to {peer} who says {text}"
    return facts(*found)


def repeating(place: Workplace, answer: Callable[[Completion], str] = repeated) -> Workplace:
    """The place with a model that repeats what it is shown, and no gates."""
    place = place.configured(
        deriver={"flush_enabled": True}, summary={"messages_per_short_summary": 10, "messages_per_long_summary": 20}
    )
    return replace(place, backends=replace(place.backends, models=FixedModels(AnsweringModel(answer), place.embedder)))


def do(place: Workplace, wake_up: WakeUp) -> None:
    DO[wake_up.unit.kind](place.backends, wake_up)


def settle(place: Workplace, *kinds: TaskKind) -> None:
    """Let workers do what waits, of these kinds or of all, until nothing does."""
    for _ in range(200):
        relay(place.backends)
        for wake_up in place.queue.take():
            if not kinds or wake_up.unit.kind in kinds:
                do(place, wake_up)
        waiting = [row["unit"] for row in place.rows(PENDING)]
        if not any(not kinds or unit.partition(":")[0] in kinds for unit in waiting):
            return
        place.clock.advance(seconds=6)
    raise AssertionError(f"still waiting: {[row['unit'] for row in place.rows(PENDING)]}")


class Died(BaseException):
    """The worker's process is gone: nothing catches this."""


class DyingDatabase(Database):
    """The database of `inner`; the worker dies before its nth transaction. `left` counts down to it."""

    def __init__(self, inner: Database, left: int) -> None:
        self.__dict__.update(inner.__dict__)
        self.left = left

    def run(self, work: Callable[[Connection], T], *, happened: Callable[[Connection], bool] = lambda _: False) -> T:
        self.left -= 1
        if self.left == 0:
            raise Died
        return super().run(work, happened=happened)


def broken(place: Workplace) -> dict[str, Sequence[object]]:
    """What must hold at the end and does not: nothing without its sources, all counters right."""
    rules: dict[str, LiteralString] = {
        "orphans": ORPHANS,
        "astray": ASTRAY,
        "miscounted": MISCOUNTED,
        "missummed": MISSUMMED,
    }
    found = {name: place.rows(statement) for name, statement in rules.items()}
    return {name: rows for name, rows in found.items() if rows}
