"""What calls cost is written with what they were for: once, whatever happens."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import LiteralString

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import AnswerUnreadable, ModelUnavailable
from shared.domain.vector import Vector
from shared.domain.work import TaskKind
from shared.llm.types import AnswerUseless, Reply, Usage
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.indexing import index_messages
from shared.memory.metering import metered
from shared.memory.represent import represent
from shared.memory.search import search
from shared.memory.usage import roll_up
from shared.memory.vector_upkeep import index_pending
from shared.reasoning import dialectic
from shared.reasoning.derive import derive
from shared.reasoning.dialectic import Question
from shared.reasoning.summarize import summarize
from shared.store import calls as stored_calls
from tests.support.backends import AnsweringModel, TinyEmbedder
from tests.support.database_proxy import DatabaseProxy
from tests.support.metering import FACT, calls, derives, features, indexes, priced, says_much
from tests.support.scripted_model import FixedModels, ScriptedModel
from tests.support.spending import a_call
from tests.support.workplace import Workplace

JOINED: LiteralString = """
SELECT c.feature, w.first_seq FROM work_windows AS w
  JOIN model_calls AS c ON c.workspace = w.workspace AND c.run = w.run
 WHERE w.workspace = %(workspace)s AND w.unit = %(unit)s ORDER BY c.feature
"""


def asked(place: Workplace, **more: object) -> Question:
    return replace(Question(place.workspace, "ada", "ada", "What do I drink?", "minimal"), **more)  # pyright: ignore


def test_window_and_its_calls_are_written_together_and_linked(place: Workplace, tmp_path):
    place = priced(place, tmp_path)
    unit = says_much(place)
    assert derives(place, unit, Reply(FACT, usage=Usage(300, 20, 100, 50, 5))) == 1
    derived, embedded = calls(place)
    assert {one: derived[one] for one in ("feature", "provider", "model", "outcome", "error", "usd")} == {
        "feature": "derive",
        "provider": "scripted",
        "model": "1",
        "outcome": "answered",
        "error": None,
        "usd": Decimal("0.02"),
    }
    counted = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "thinking_tokens")
    assert [derived[one] for one in counted] == [300, 100, 50, 20, 5]
    assert (embedded["feature"], embedded["provider"], embedded["model"]) == ("embed_index", "offline", "tiny")
    assert place.rows(JOINED, unit=unit.key) == [
        {"feature": "derive", "first_seq": 1},
        {"feature": "embed_index", "first_seq": 1},
    ]


def test_books_name_no_peer_no_session_and_nothing_that_was_said(place: Workplace):
    place.says("secretsession", ("secretpeer", "I like canaries. " * 400))
    derives(place, place.unit("secretsession", "secretpeer"), FACT)
    with place.backends.db.reading() as conn:
        for table in ("model_calls", "usage_days", "spending"):
            rows = conn.execute(f"SELECT t::text FROM {table} AS t").fetchall()  # pyright: ignore
            assert not [row for row in rows if "secret" in row[0] or "canar" in row[0]]


def test_failed_attempts_are_part_of_what_the_window_cost(place: Workplace):
    unit = says_much(place)
    derives(place, unit, AnswerUseless("empty", usage=Usage(200, 7)))
    place.clock.advance(minutes=5)
    derives(place, unit, Reply("no JSON at all", usage=Usage(200, 9)))
    place.clock.advance(minutes=5)
    derives(place, unit, ModelUnavailable("gone"))
    place.clock.advance(minutes=5)
    derives(place, unit, FACT)
    found = [(row["outcome"], row["output_tokens"], row["error"]) for row in calls(place) if row["feature"] == "derive"]
    assert found == [
        ("failed", 7, "AnswerUseless"),
        ("answered", 9, None),
        ("failed", 0, "ModelUnavailable"),
        ("answered", 2, None),
    ]
    assert len(place.rows(JOINED, unit=unit.key)) == 5


def test_worker_that_lost_its_claim_has_its_calls_on_record_all_the_same(place: Workplace):
    unit = says_much(place)

    def overtaken(_: object) -> str:
        place.clock.advance(seconds=91)
        assert place.claims(unit) is not None
        return FACT

    derive(place.served_by(AnsweringModel(overtaken)), place.wake_up(unit))
    assert place.windows(unit) == []
    place.clock.advance(seconds=91)
    derives(place, unit, FACT)
    assert [row["feature"] for row in place.rows(JOINED, unit=unit.key)].count("derive") == 2


class Watching(TinyEmbedder):
    """Notes which calls are on record when it is asked."""

    def __init__(self, place: Workplace) -> None:
        super().__init__()
        self.place = place
        self.seen: list[list[tuple[str, str]]] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.seen.append(features(self.place))
        return super().embed(texts)


def test_call_whose_answer_is_kept_is_on_record_before_anything_else_is_tried(place: Workplace):
    unit, watching = says_much(place), Watching(place)
    backends = replace(place.backends, models=FixedModels(ScriptedModel([FACT]), watching))
    # A worker that dies from here on leaves the answer and its price, and the next one pays for neither.
    derive(backends, place.wake_up(unit))
    assert watching.seen == [[("derive", "answered")]]


def test_handler_that_runs_twice_over_the_same_calls_writes_them_once(place: Workplace):
    one = a_call()
    for _ in range(2):
        with metered(place.backends, place.workspace) as own:
            own.tab.add(one)  # pyright: ignore[reportAttributeAccessIssue]
            with suppress(AnswerUnreadable), own.tab.riding() as made, own.db.reading() as conn:
                stored_calls.note(conn, place.workspace, made)
                # Its answer was lost: whoever sent it cannot know that it was written.
                raise AnswerUnreadable
    assert len(calls(place)) == 1


def test_calls_that_cannot_be_written_do_not_spoil_the_answer(place: Workplace):
    with metered(place.backends, place.workspace) as own:
        own.models.embedder().embed(["a"])
        lost = replace(own, db=place.backends_at("postgresql://nobody@127.0.0.1:1/none").db)
        own.tab.backends = lost  # pyright: ignore[reportAttributeAccessIssue]
    assert calls(place) == []


def test_summaries_and_indexing_are_features_of_their_own(place: Workplace):
    place.says("s", *[("ada", f"word {n}") for n in range(20)])
    backends, _ = place.asks("In short: words.")
    summarize(backends, place.wake_up(place.unit("s", kind=TaskKind.SUMMARY)))
    index_messages(place.backends, place.wake_up(indexes(place)))
    assert features(place) == [("embed_index", "answered"), ("summary", "answered")]
    assert len({row["run"] for row in calls(place)}) == 2


def test_question_is_one_run_with_all_its_turns_and_what_it_looked_up(place: Workplace):
    place.says("s", ("ada", "I like tea."))
    backends, _ = place.asks("You like tea.")
    answered = dialectic.answer(backends, asked(place, level="medium"))
    assert answered.content == "You like tea."
    assert features(place) == [("dialectic_medium", "answered"), ("embed_query", "answered")]
    assert len({row["run"] for row in calls(place)}) == 1


def test_streamed_question_is_on_record_before_its_end_is_handed_on(place: Workplace):
    backends, _ = place.asks("You like tea.")
    for piece in dialectic.stream(backends, asked(place, level="medium")):
        if isinstance(piece, dialectic.Answered):
            assert ("dialectic_medium", "answered") in features(place)
    assert len(calls(place)) == 2


def test_streamed_question_that_nobody_hears_to_the_end_is_on_record_with_what_was_written(place: Workplace):
    backends, _ = place.asks("You like tea, " * 30)
    stream = dialectic.stream(backends, asked(place, level="medium"))
    next(stream)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator
    [(feature, outcome), _] = features(place)
    assert (feature, outcome) == ("dialectic_medium", "cut")


def test_queries_and_conclusions_of_clients_are_on_record(place: Workplace):
    place.says("s", ("ada", "I like tea."))
    backends, workspace, ada = place.backends, place.workspace, Collection(place.workspace, "ada", "ada")
    search(backends, workspace=workspace, query="tea", limit=3)
    represent(backends, ada, query="coffee")
    create_conclusions(backends, workspace, [GivenConclusion("ada", "ada", "s", "likes tea")])
    assert sorted(features(place)) == [("embed_index", "answered")] + [("embed_query", "answered")] * 2


def test_conclusions_of_several_workspaces_are_embedded_on_the_account_of_each(place: Workplace):
    other = replace(place, workspace=f"{place.workspace}-2")
    for one in (place, other):
        one.says("s", ("ada", "hello"))
        create_conclusions(
            one.backends, one.workspace, [GivenConclusion("ada", "ada", "s", f"likes tea {n}") for n in range(2)]
        )
        lost = one.rows("UPDATE conclusions SET indexed_at = NULL WHERE workspace = %(workspace)s RETURNING id")
        one.backends.vectors.delete_conclusions(one.workspace, [row["id"] for row in lost])
    place.clock.advance(minutes=5)
    index_pending(place.backends)
    assert len(features(place)) == len(features(other)) == 2


def test_usage_that_is_switched_off_records_nothing(place: Workplace):
    place = place.configured(usage={"enabled": False})
    derives(place, says_much(place), FACT)
    dialectic.answer(place.asks("Tea.")[0], asked(place, level="medium"))
    assert calls(place) == []


def test_tick_puts_old_calls_into_the_sums_of_their_days(place: Workplace):
    place = place.configured(usage={"retention_days": 40})
    derives(place, says_much(place), FACT)
    place.clock.advance(minutes=41 * 24 * 60)
    roll_up(place.backends)
    assert calls(place) == []
    assert place.count("usage_days") == 2


@pytest.mark.parametrize("what", ["derive", "summary", "index", "search", "representation", "chat"])
def test_recording_takes_no_statement_more_but_for_one_after_a_chat(place: Workplace, app_dsn: str, what: str):
    place.says("s", *[("ada", f"tea {n} " * 80) for n in range(20)])
    counts: list[int] = []
    with DatabaseProxy(app_dsn) as proxy:
        for enabled in (False, True):
            mine = place.configured(usage={"enabled": enabled})
            mine = replace(mine, backends=mine.backends_at(proxy.dsn))
            workspace = mine.workspace if enabled else _twin(mine)
            mine = replace(mine, workspace=workspace)
            # Warm: the line, the type of vectors, and which workspaces have budgets.
            search(mine.backends, workspace=workspace, query="warm", limit=1)
            before = proxy.statements
            _does(mine, what)
            counts.append(proxy.statements - before)
            assert len(features(mine)) > 1 if enabled else not features(mine)
            mine.backends.db.close()
    assert counts[1] - counts[0] == (1 if what == "chat" else 0)


def _twin(place: Workplace) -> str:
    """Another workspace with the same in it."""
    other = replace(place, workspace=f"{place.workspace}-twin")
    other.says("s", *[("ada", f"tea {n} " * 80) for n in range(20)])
    return other.workspace


def _does(place: Workplace, what: str) -> None:
    backends, _ = place.asks("In short: tea." if what == "summary" else FACT if what == "derive" else "Tea.")
    ada = Collection(place.workspace, "ada", "ada")
    match what:
        case "derive":
            derives(place, place.unit("s", "ada"), FACT)
        case "summary":
            summarize(backends, place.wake_up(place.unit("s", kind=TaskKind.SUMMARY)))
        case "index":
            index_messages(backends, place.wake_up(indexes(place)))
        case "search":
            search(backends, workspace=place.workspace, query="tea", limit=3)
        case "representation":
            represent(backends, ada, query="tea")
        case _:
            dialectic.answer(backends, asked(place, level="medium"))
