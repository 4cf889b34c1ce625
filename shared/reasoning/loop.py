"""One agent: a model, its tools and its limits, until there is an answer."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from shared.domain.errors import AnswerUnreadable, ModelUnavailable
from shared.llm.provider import ChatModel
from shared.llm.types import Answer, Completion, Reply, TextDelta, ToolTurn, Turn, Usage, UserTurn
from shared.reasoning.history import History, Unit
from shared.reasoning.prompts import render
from shared.reasoning.toolkit import Rephrase, ToolSet, Used

# A turn that must call a tool is no answer: a level's small output cap would only break its arguments.
_TOOL_TURN_TOKENS = 1024
# As much of a turn that may still call a tool is held back: half a second of a model's writing.
_HELD_BACK_CHARS = 120
# Once this share of the time is left, the agent answers from what it has.
_LAST_CALL_SHARE = 0.25

Asking: TypeAlias = Generator[str, None, Reply]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. `iterations` are calls with tools; 0 means one call without any.

    The run goes no further once its calls have taken `max_total_tokens`, read and written.
    """

    iterations: int
    max_input_tokens: int
    max_output_tokens: int
    timeout_s: float
    thinking_budget_tokens: int = 0
    max_total_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """Everything one run needs.

    `choice` is for the first turn only: forced for longer, a model could never stop. `accept` turns the final
    text into what is returned, or raises `Rephrase`; the model then gets one chance to correct itself. Without
    `wants_text` what the tools did is the result: nothing more is asked for when the limits are reached.
    """

    model: ChatModel
    system: str
    question: str
    tools: ToolSet
    limits: Limits
    purpose: str
    choice: str = "auto"
    answer: Answer | None = None
    accept: Callable[[str], str] | None = None
    wants_text: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands between two turns: what another process needs to go on. What limits count is of all so far.

    `units` are the turns after the question, without those that will not be sent any more.
    """

    question: str
    units: tuple[Unit, ...] = ()
    usage: Usage = field(default_factory=Usage)
    turns: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `text` is empty when the model had nothing to say; `is_cut`: limits ended it, not the model.

    `is_paused`: it has not ended, but was told not to go on now.
    """

    text: str
    usage: Usage
    used: tuple[Used, ...]
    turns: int
    is_cut: bool = False
    is_paused: bool = False


def run_agent(
    agent: Agent,
    *,
    now: Callable[[], float] = time.monotonic,
    begun: Progress | None = None,
    goes_on: Callable[[Progress], bool] | None = None,
) -> Outcome:
    """The answer of `agent`.

    `goes_on` is asked before each turn with tools whether to make it now. An agent whose tools' doings are the
    result may be continued: with `begun`, as it was handed to `goes_on`, its question is the one asked then.
    Raises `ModelUnavailable` when the model cannot be reached or the time is used up, `AnswerUnreadable` when
    the answer is not acceptable, not even corrected.
    """
    conversation = _Conversation(agent, now, is_streamed=False, begun=begun, goes_on=goes_on)
    for _ in conversation.run():
        pass
    return conversation.outcome()


def stream_agent(agent: Agent, *, now: Callable[[], float] = time.monotonic) -> Iterator[str | Outcome]:
    """The answer of `agent` piece by piece as the model writes it, each part generated once; the outcome last.

    Where no tool can be called, text goes out as it comes. Where one may be, the first words of a turn are held
    back: "Let me look that up." is no answer, and longer than that models seldom speak before they call a tool; if
    one does, its words stay as a preamble, a blank line after them. Where a tool must be called, all text waits for
    the end of the turn. The outcome's text is what went out. An answer that must be accepted goes out whole, once it
    was.
    """
    conversation = _Conversation(agent, now, is_streamed=True)
    yield from conversation.run()
    yield conversation.outcome()


class _Conversation:
    """A run under way."""

    def __init__(
        self,
        agent: Agent,
        now: Callable[[], float],
        *,
        is_streamed: bool,
        begun: Progress | None = None,
        goes_on: Callable[[Progress], bool] | None = None,
    ) -> None:
        before = begun or Progress(agent.question)
        self._agent = agent
        self._now = now
        self._goes_on = goes_on
        self._is_streamed = is_streamed and agent.accept is None
        self._ends = now() + agent.limits.timeout_s - before.seconds
        self._question = before.question
        self._history = History(agent.system, before.question, before.units)
        self._usage = before.usage
        self._used: list[Used] = []
        self._turns = before.turns
        self._is_cut = False
        self._is_paused = False
        self._text = ""

    def outcome(self) -> Outcome:
        return Outcome(self._text, self._usage, tuple(self._used), self._turns, self._is_cut, self._is_paused)

    def _progress(self) -> Progress:
        limits = self._agent.limits
        units = self._history.kept(limits.max_input_tokens, besides=self._told())
        seconds = limits.timeout_s - (self._ends - self._now())
        return Progress(self._question, units, self._usage, self._turns, seconds)

    def run(self) -> Iterator[str]:
        """Pieces of text to forward; afterwards `outcome` is complete."""
        reply = yield from self._answered()
        if self._agent.accept is not None:
            self._text = self._accepted(reply, self._agent.accept)
            yield self._text
        elif not self._is_streamed:
            self._text = reply.text.strip()

    def _answered(self) -> Asking:
        """The reply that is the answer, after as many turns with tools as it takes and limits allow."""
        iterations = self._agent.limits.iterations if self._agent.tools.definitions else 0
        was_nudged = not self._agent.wants_text
        for iteration in range(self._turns, iterations):
            if iteration and (self._is_late() or self._is_spent()):
                break
            if self._goes_on is not None and not self._goes_on(self._progress()):
                self._is_paused = True
                return Reply("")
            reply = yield from self._ask_in_time(iteration)
            if reply is None:
                break
            if reply.tool_calls:
                self._use_tools(reply)
            elif reply.text.strip() or was_nudged or iteration == iterations - 1:
                return reply
            else:
                was_nudged = True
                self._history.extend(UserTurn(render("nudge")))
        self._is_cut = iterations > 0
        if not self._agent.wants_text:
            return Reply("", finish="length")
        if iterations:
            self._history.extend(UserTurn(render("answer_now")))
        return (yield from self._ask("none"))

    def _ask_in_time(self, iteration: int) -> Generator[str, None, Reply | None]:
        """The reply; None when it took all the time there was, and what the tools did until then is enough."""
        try:
            return (yield from self._ask(self._agent.choice if iteration == 0 else "auto"))
        except ModelUnavailable:
            if iteration == 0 or self._agent.wants_text or self._now() < self._ends:
                raise
            return None

    def _use_tools(self, reply: Reply) -> None:
        used = self._agent.tools.use(reply.tool_calls)
        self._used += used
        results = (ToolTurn(one.call.id, one.call.name, one.result.text) for one in used)
        self._history.add(reply.as_turn(), *results)

    def _accepted(self, reply: Reply, accept: Callable[[str], str]) -> str:
        """The answer in its required form, corrected once if need be."""
        try:
            return accept(reply.text)
        except Rephrase as problem:
            self._history.extend(reply.as_turn(), UserTurn(render("repair_answer", problem=str(problem))))
        corrected = self._whole(self._request("none"))
        try:
            return accept(corrected.text)
        except Rephrase as problem:
            raise AnswerUnreadable("the answer does not have the required form, not even corrected") from problem

    def _ask(self, choice: str) -> Asking:
        """One turn of the model. With "none" it knows the tools that its history speaks of, and calls none."""
        request = self._request(choice)
        if not self._is_streamed:
            return self._whole(request)
        return (yield from self._forwarded(request, hold=_held_back(request)))

    def _whole(self, request: Completion) -> Reply:
        return self._counted(self._agent.model.complete(request))

    def _forwarded(self, request: Completion, *, hold: float) -> Asking:
        """The turn's reply, its text forwarded in the pieces it came in once they are longer than `hold`."""
        held: list[str] = []
        length, begun, reply = 0, False, None
        for delta in self._agent.model.stream(request):
            if not isinstance(delta, TextDelta):
                reply = delta
                continue
            held.append(delta.text)
            length += len(delta.text)
            # White space alone may be all that comes before a tool call.
            if begun or (length > hold and "".join(held).strip()):
                yield from self._forward(held, is_first=not begun)
                held, begun = [], True
        if reply is None:
            raise ModelUnavailable("the model's stream ended early")
        if not reply.tool_calls and "".join(held).strip():
            yield from self._forward(held, is_first=not begun)
        return self._counted(reply)

    def _forward(self, pieces: Sequence[str], *, is_first: bool) -> Iterator[str]:
        for piece in pieces:
            text = piece.lstrip() if is_first else piece
            if not text:
                continue
            if is_first and self._text:
                text = "\n\n" + text
            is_first = False
            self._text += text
            yield text

    def _request(self, choice: str) -> Completion:
        agent, limits = self._agent, self._agent.limits
        # The same tools in each turn: providers cache them with the instructions, and refuse results without them.
        tools = agent.tools.definitions if limits.iterations else ()
        is_forced = bool(tools) and _is_forced(choice)
        return Completion(
            turns=self._fitted(),
            purpose=agent.purpose,
            max_output_tokens=max(limits.max_output_tokens, _TOOL_TURN_TOKENS if is_forced else 0),
            tools=tools,
            choice=choice if tools else "auto",
            answer=agent.answer,
            thinking_budget_tokens=limits.thinking_budget_tokens,
            timeout_s=self._left_s(),
        )

    def _fitted(self) -> tuple[Turn, ...]:
        return self._history.fitted(self._agent.limits.max_input_tokens, besides=self._told())

    def _told(self) -> str:
        return "".join(f"{tool.name}{tool.description}{tool.parameters}" for tool in self._agent.tools.definitions)

    def _counted(self, reply: Reply) -> Reply:
        self._usage += reply.usage
        self._turns += 1
        return reply

    def _left_s(self) -> float:
        left_s = self._ends - self._now()
        if left_s <= 0:
            raise ModelUnavailable("the time for this answer is used up")
        return left_s

    def _is_spent(self) -> bool:
        most, used = self._agent.limits.max_total_tokens, self._usage
        return most is not None and used.input_tokens + used.output_tokens >= most

    def _is_late(self) -> bool:
        return self._ends - self._now() < self._agent.limits.timeout_s * _LAST_CALL_SHARE


def _is_forced(choice: str) -> bool:
    return choice not in ("auto", "none")


def _held_back(request: Completion) -> float:
    """The characters of a turn's text that wait, because a tool call may follow them and make them no answer."""
    if not request.tools or request.choice == "none":
        return 0
    return inf if _is_forced(request.choice) else _HELD_BACK_CHARS
