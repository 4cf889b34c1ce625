"""A question about a whole workspace: what is read for it, with which tools, under which instructions."""

from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.clock import minute
from shared.domain.json import JsonObject
from shared.reasoning.briefing import Briefing, brief_on_all
from shared.reasoning.prompts import render
from shared.reasoning.tools.context import WorkspaceContext
from shared.settings.models import ReasoningLevel

_ALL = "You can read what all peers of the workspace said, in all of its sessions."
_SOME = (
    "You can read only some of the workspace's sessions. The answer is about these: "
    "what other sessions hold is neither known to you nor denied."
)


@dataclass(frozen=True, slots=True)
class WorkspaceQuestion:
    """What somebody wants to know about anybody in the workspace.

    `session` brings its recent history in; `sessions` limits everything that is read, None does not. The rest is as
    in a question about one peer.
    """

    workspace: str
    query: str
    level: ReasoningLevel
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    answer_schema: JsonObject | None = None
    wants_evidence: bool = False


def briefed(backends: Backends, question: WorkspaceQuestion, *, prefetch: int) -> Briefing:
    """What lies beside the question."""
    return brief_on_all(
        backends,
        question.workspace,
        question.query,
        prefetch=prefetch,
        session=question.session,
        sessions=question.sessions,
    )


def context(
    backends: Backends, question: WorkspaceQuestion, briefing: Briefing, *, shows_ids: bool
) -> WorkspaceContext:
    """What the tools work on."""
    return WorkspaceContext(
        backends,
        question.workspace,
        session=question.session,
        sessions=question.sessions,
        shown=frozenset(conclusion.id for conclusion in briefing.conclusions),
        vectors={} if briefing.vector is None else {question.query: briefing.vector},
        seen={conclusion.id: conclusion for conclusion in briefing.conclusions},
        shows_ids=shows_ids,
        uses_cards=briefing.uses_cards,
    )


def system(backends: Backends, question: WorkspaceQuestion, *, searching: str, instructions: str, history: str) -> str:
    """What stays the same from question to question first, so that the providers' prompt caches hit."""
    return render(
        "dialectic_workspace",
        searching=searching,
        custom_instructions=instructions,
        reach=_ALL if question.sessions is None else _SOME,
        history=history,
        now=minute(backends.clock.now()),
    )
