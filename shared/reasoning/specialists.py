"""The specialists of a dream: each reads a collection, and says what it wants changed."""

from dataclasses import dataclass, field
from typing import Final, Self

from shared.domain.configuration import Configuration
from shared.domain.dream import Dream, Proposal, Specialist
from shared.llm.provider import ChatModel
from shared.llm.types import Usage
from shared.reasoning.checkpoint import Checkpoint, fingerprint, written
from shared.reasoning.loop import Agent, Limits, Progress, run_agent
from shared.reasoning.opening import opened
from shared.reasoning.prompts import render
from shared.reasoning.shift import TO_COMMIT, Outdated, Shift, Step
from shared.reasoning.takeover import taken_up
from shared.reasoning.toolkit import AgentTool, ToolSet
from shared.reasoning.tools import CARD, DEDUCTION, INDUCTION
from shared.reasoning.tools.workbench import Workbench
from shared.settings.dreaming import DreamSettings

_TOOLS: Final[dict[Specialist, tuple[AgentTool[Workbench], ...]]] = {
    "deduction": DEDUCTION,
    "induction": INDUCTION,
    "card": CARD,
}


@dataclass(frozen=True, slots=True)
class Consulted:
    """What a specialist proposes, what it was shown, and what it took. `is_cut`: limits ended the run."""

    proposal: Proposal
    shown: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    turns: int = 0
    is_cut: bool = False


def consult(shift: Shift, dream: Dream, specialist: Specialist, in_force: Configuration) -> Consulted | None:
    """Let the specialist read and propose; nothing is changed. An empty collection is not worth a call.

    None when time is up: the next shift goes on where this one has ended. Between two turns all of the run is kept,
    so that a worker that dies loses one turn. Raises `Outdated`.
    """
    run = _Run.of(shift, dream, specialist)
    begun = taken_up(shift, dream, run.made_by)
    if begun is None:
        return run.carried_out(*opened(shift.backends, dream, specialist, in_force))
    if begun.is_done:
        usage, turns = begun.progress.usage, begun.progress.turns
        return Consulted(begun.bench.proposal(), begun.shown, usage, turns, begun.is_cut)
    return run.carried_out(begun.bench, begun.progress)


@dataclass(frozen=True, slots=True)
class _Run:
    """One specialist at one dream, in one shift."""

    shift: Shift
    dream: Dream
    specialist: Specialist
    model: ChatModel
    system: str
    made_by: str

    @classmethod
    def of(cls, shift: Shift, dream: Dream, specialist: Specialist) -> Self:
        model, system = shift.backends.models.dream(specialist), render(f"dream_{specialist}")
        made_by = fingerprint(model.name, system, [one.definition for one in _TOOLS[specialist]])
        return cls(shift, dream, specialist, model, system, made_by)

    def carried_out(self, bench: Workbench, begun: Progress) -> Consulted | None:
        settings, dream = self.shift.backends.settings, self.dream
        # What the dream has cost without this run, which may have begun in an earlier shift.
        paid = Usage(dream.input_tokens - begun.usage.input_tokens, dream.output_tokens - begun.usage.output_tokens)
        left = settings.dream.max_tokens_per_dream - paid.input_tokens - paid.output_tokens
        if not begun.question or left <= 0:
            return Consulted(Proposal(), is_cut=left <= 0)
        agent = Agent(
            model=self.shift.timed(self.model),
            system=self.system,
            question=begun.question,
            tools=ToolSet(
                _TOOLS[self.specialist], bench, max_output_chars=settings.llm.max_tool_output_chars, in_order=True
            ),
            limits=_limits(settings.dream, left),
            purpose=f"dream_{self.specialist}",
            wants_text=False,
        )

        def goes_on(progress: Progress) -> bool:
            step = self._step(bench, paid, Checkpoint(bench.notes(), progress)) if progress.turns else None
            if self.shift.is_over:
                self.shift.pause(dream, step)
                return False
            seconds = self.shift.seconds_for(settings.dream.timeout_seconds - progress.seconds)
            if not self.shift.keep(dream, step, seconds=seconds):
                raise Outdated
            return True

        now = self.shift.backends.clock.now
        outcome = run_agent(agent, now=lambda: now().timestamp(), begun=begun, goes_on=goes_on)
        if outcome.is_paused:
            return None
        ended = Progress("", usage=outcome.usage, turns=outcome.turns)
        done = Checkpoint(bench.notes(), ended, is_done=True, is_cut=outcome.is_cut)
        # Where that is not kept the commit will find why, if there is anything to commit.
        self.shift.keep(dream, self._step(bench, paid, done), seconds=TO_COMMIT.total_seconds())
        return Consulted(bench.proposal(), done.notes.shown, outcome.usage, outcome.turns, outcome.is_cut)

    def _step(self, bench: Workbench, paid: Usage, checkpoint: Checkpoint) -> Step:
        spent = paid + checkpoint.progress.usage
        kept = written(checkpoint, self.made_by)
        return Step(kept, checkpoint.notes.shown, spent.input_tokens, spent.output_tokens)


def _limits(settings: DreamSettings, max_total_tokens: int) -> Limits:
    return Limits(
        iterations=settings.max_tool_iterations,
        max_input_tokens=settings.history_token_limit,
        max_output_tokens=settings.max_output_tokens,
        timeout_s=settings.timeout_seconds,
        thinking_budget_tokens=settings.thinking_budget_tokens,
        max_total_tokens=max_total_tokens,
    )
