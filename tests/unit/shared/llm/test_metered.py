"""Metered models: each attempt is announced and reported, whatever becomes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from shared.domain.errors import BudgetExhausted, ModelRefused, ModelUnavailable
from shared.domain.usage import Tokens
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.embedding_cache import Cached
from shared.llm.metered import Planned, Report, Ticket, metered_chat, metered_embedder, most_input
from shared.llm.retry import Pace, Retrying
from shared.llm.types import AnswerUseless, Completion, Delta, Reply, SystemTurn, TextDelta, Tool, Usage, UserTurn
from tests.support.backends import THEN, TinyEmbedder
from tests.support.scripted_model import ScriptedModel

ASKED = Completion((SystemTurn("Be brief."), UserTurn("How are you?")), "test", 100, thinking_budget_tokens=50)


@dataclass
class Meter:
    """Keeps what was announced and reported, in order."""

    planned: list[Planned] = field(default_factory=list[Planned])
    reports: list[Report] = field(default_factory=list[Report])
    is_closed: bool = False

    def begins(self, planned: Planned) -> Ticket:
        if self.is_closed:
            raise BudgetExhausted("nothing left", until=THEN, needed=None)
        self.planned.append(planned)
        return self

    def ended(self, report: Report) -> None:
        self.reports.append(report)

    def ends(self) -> list[tuple[str, int, int, str | None]]:
        return [(one.outcome, one.tokens.input, one.tokens.output, one.error) for one in self.reports]


def test_answer_is_reported_with_all_its_tokens():
    meter = Meter()
    usage = Usage(100, 20, 60, 10, 15)
    assert metered_chat(ScriptedModel([Reply("Fine.", usage=usage)]), meter).complete(ASKED).text == "Fine."
    [planned], [report] = meter.planned, meter.reports
    assert (planned.model, planned.most_output) == ("scripted/1", 150)
    assert report.tokens == Tokens(100, 60, 10, 20, 15)
    assert (report.outcome, report.error) == ("answered", None)


def test_each_attempt_and_the_backup_are_calls_of_their_own():
    meter = Meter()
    main = ScriptedModel([ModelUnavailable("slow"), AnswerUseless("empty", usage=Usage(30, 5))])
    spare = ScriptedModel(["Fine."])
    spare.name = "spare/2"
    model = Retrying(main, Retrying(spare), Pace(attempts=3, sleep=lambda _: None))
    assert metered_chat(model, meter).complete(ASKED).text == "Fine."
    assert [planned.model for planned in meter.planned] == ["scripted/1", "scripted/1", "spare/2"]
    assert meter.ends() == [
        ("failed", 0, 0, "ModelUnavailable"),
        ("failed", 30, 5, "AnswerUseless"),
        ("answered", 10, 2, None),
    ]


def test_exhausted_budget_is_neither_retried_nor_asked_of_the_backup():
    meter, main, spare = Meter(is_closed=True), ScriptedModel([]), ScriptedModel([])
    with pytest.raises(BudgetExhausted):
        metered_chat(Retrying(main, spare), meter).complete(ASKED)
    assert (main.requests, spare.requests, meter.reports) == ([], [], [])


def test_stream_is_reported_when_its_end_is_there_and_before_it_is_handed_on():
    meter = Meter()
    stream = metered_chat(ScriptedModel(["Very well."]), meter).stream(ASKED)
    seen: list[Delta] = []
    for delta in stream:
        if isinstance(delta, Reply):
            assert meter.ends() == [("answered", 10, 2, None)]
        seen.append(delta)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator
    assert len(meter.reports) == 1
    assert "".join(delta.text for delta in seen[:-1]) == "Very well."


class Breaking:
    """Writes a little, then its connection is cut."""

    name = "breaking/1"

    def __init__(self, *pieces: str) -> None:
        self._pieces = pieces

    def complete(self, request: Completion) -> Reply:
        raise ModelRefused("no such model")

    def stream(self, request: Completion) -> Iterator[Delta]:
        yield from (TextDelta(piece) for piece in self._pieces)
        raise ModelUnavailable("cut")


def test_stream_that_breaks_off_is_reported_by_an_estimate():
    meter = Meter()
    with pytest.raises(ModelUnavailable):
        list(metered_chat(Breaking("one two ", "three"), meter).stream(ASKED))
    [(outcome, read, wrote, error)] = meter.ends()
    assert (outcome, wrote, error) == ("cut", 3, "ModelUnavailable")
    assert 5 < read <= meter.planned[0].most_input()


def test_stream_that_nobody_listens_to_any_more_is_reported_too():
    meter = Meter()
    stream = metered_chat(Breaking("one two "), meter).stream(ASKED)
    assert next(stream) == TextDelta("one two ")
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator
    [(outcome, _, wrote, error)] = meter.ends()
    assert (outcome, wrote, error) == ("cut", 3, "GeneratorExit")


def test_stream_that_says_nothing_failed():
    meter = Meter()
    with pytest.raises(ModelUnavailable):
        list(metered_chat(Breaking(), meter).stream(ASKED))
    assert meter.ends() == [("failed", 0, 0, "ModelUnavailable")]


def test_refused_request_is_reported_as_failed():
    meter = Meter()
    with pytest.raises(ModelRefused):
        metered_chat(Breaking(), meter).complete(ASKED)
    assert meter.ends() == [("failed", 0, 0, "ModelRefused")]


def test_bound_of_the_input_counts_turns_tools_and_schema():
    bare = most_input(ASKED)
    tools = tuple(Tool(f"t{n}", "Looks something up. " * 20, {"type": "object"}) for n in range(3))
    with_tools = Completion(ASKED.turns, "test", 100, tools=tools)
    assert bare > 10
    assert most_input(with_tools) > bare + 3 * 60


class Counted(TinyEmbedder):
    """Says how many tokens it took."""

    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        return self.embed(texts), 7 * len(texts)


def test_embedding_is_reported_as_its_provider_counts_else_by_length():
    meter = Meter()
    metered_embedder(Counted(), meter).embed(["a", "b"])
    metered_embedder(TinyEmbedder(), meter).embed(["eight letters and more"])
    assert meter.ends() == [("answered", 14, 0, None), ("answered", 6, 0, None)]
    assert [planned.model for planned in meter.planned] == ["offline/tiny"] * 2
    assert [planned.most_input() for planned in meter.planned] == [2, 22]
    assert metered_embedder(Counted(), meter).embed([]) == []
    assert len(meter.reports) == 2


def test_what_a_cache_remembers_is_no_call_whoever_asks():
    meter, other = Meter(), Meter()
    cached = Cached(TinyEmbedder())
    for asker in (meter, other, meter):
        metered_embedder(cached, asker).embed(["the same question"])
    assert (len(meter.reports), len(other.reports)) == (1, 0)


def test_metered_embedder_is_of_the_same_space():
    assert metered_embedder(Cached(TinyEmbedder()), Meter()).space == EmbeddingSpace("tiny", 8)
