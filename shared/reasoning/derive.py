"""Deriving: the messages of one window to explicit conclusions about their author."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from shared.backends import Backends
from shared.domain.clock import stamp
from shared.domain.conclusion import Conclusion, ConclusionDraft
from shared.domain.json import JsonObject
from shared.domain.message import Message
from shared.domain.work import Claim, WakeUp
from shared.llm import repair, tokens
from shared.llm.types import Answer, Completion, Usage, UserTurn
from shared.memory import conclude
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.webhooks import announce_drained
from shared.memory.work import perform
from shared.reasoning.prompts import defused, render
from shared.store import messages, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry.logs import logger

# Messages of others that are looked at for context; the token budget keeps fewer.
_MOST_CONTEXT = 200


class Fact(BaseModel):
    """One fact and the number of the message it was read from."""

    content: str
    message: int | None = None


class Facts(BaseModel):
    """What the model answers. An empty list means that it found nothing."""

    explicit: list[Fact] = Field(default_factory=list[Fact])


FACTS_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "explicit": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"content": {"type": "string"}, "message": {"type": "integer", "minimum": 1}},
                "required": ["content", "message"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["explicit"],
    "additionalProperties": False,
}


def derive(backends: Backends, wake_up: WakeUp) -> None:
    """Conclude what the oldest waiting messages of the unit say about their author, once.

    Does nothing when the unit is leased, backing off, below its gate or done. What the model cannot do now
    is tried again at its due time; an answer that stays unreadable is parked.
    """
    window_tokens = backends.settings.deriver.window_tokens
    perform(backends, wake_up.unit, lambda claimed: _conclude(backends, claimed), window_tokens=window_tokens)


def _conclude(backends: Backends, claimed: Claim) -> None:
    unit = claimed.unit
    shown = _shown(backends, claimed)
    facts, usage = _facts(backends, claimed, shown)
    saving = conclude.prepare(
        backends, unit.workspace, unit.observed, claimed.items[0].observers, _drafts(claimed, shown, facts)
    )
    now = backends.clock.now()
    outcome = Outcome(backends.models.deriver().name, usage.input_tokens, usage.output_tokens, len(saving.new))

    def finish(conn: Connection) -> tuple[list[Conclusion], list[WakeUp]]:
        # A second time, should the first have happened unnoticed, ends at the fence.
        work.fence(conn, claimed)
        saved = saving.write(backends, conn)
        wake_ups = work.finish(conn, claimed, outcome, gate=derive_gate(backends.settings), now=now)
        return saved, wake_ups + announce_drained(backends, conn, unit)

    saved, wake_ups = backends.db.run(finish)
    send(backends, wake_ups)
    conclude.index(backends, saved, saving.vectors, saving.replaced)
    logger.info("window_derived", unit=str(unit), items=len(claimed.items), facts=len(facts.explicit), saved=len(saved))


def _shown(backends: Backends, claimed: Claim) -> list[Message]:
    """The window's messages with what others said between them and just before.

    The target's own messages of other windows stay out: their facts were read already. Context gives way,
    oldest first, when the window would grow beyond its tokens.
    """
    unit, mine = claimed.unit, {item.seq for item in claimed.items}
    with backends.db.reading() as conn:
        found = messages.with_context(
            conn, unit.workspace, unit.session, unit.observed, sorted(mine), most=_MOST_CONTEXT
        )
    left = max(backends.settings.deriver.window_tokens - sum(item.tokens for item in claimed.items), 0)
    context: set[int] = set()
    for message in reversed([message for message in found if message.seq not in mine]):
        left -= message.token_count
        if left < 0:
            break
        context.add(message.seq)
    return [message for message in found if message.seq in mine or message.seq in context]


def _facts(backends: Backends, claimed: Claim, shown: Sequence[Message]) -> tuple[Facts, Usage]:
    """What the model says; kept on the unit row before anything else can fail."""
    if claimed.answer is not None:
        return _read(claimed.answer), Usage()
    reply = backends.models.deriver().complete(_request(backends, claimed, shown))
    facts = _read(reply.text)
    if reply.finish == "length":
        logger.warning("answer_cut_short", unit=str(claimed.unit), facts=len(facts.explicit))
    with backends.db.reading() as conn:
        work.keep_answer(conn, claimed, facts.model_dump_json())
    return facts, reply.usage


def _read(text: str) -> Facts:
    """Raises `AnswerUnreadable`: that is not the same as an answer that holds no facts."""
    return repair.read(Facts, text)


def _request(backends: Backends, claimed: Claim, shown: Sequence[Message]) -> Completion:
    settings = backends.settings.deriver
    custom = (claimed.items[0].custom_instructions or "").strip()
    prompt = render(
        "derive",
        custom_instructions=f"\nAdditional instructions for this workspace:\n{custom}\n" if custom else "",
        target=claimed.unit.observed,
        messages="\n".join(transcript(shown)),
    )
    return Completion(
        turns=(UserTurn(tokens.cut(prompt, settings.max_input_tokens)),),
        purpose="derive",
        max_output_tokens=settings.max_output_tokens,
        answer=Answer("conclusions", FACTS_SCHEMA),
        temperature=settings.temperature,
        thinking_budget_tokens=settings.thinking_budget_tokens,
        timeout_s=settings.timeout_seconds,
    )


def transcript(shown: Sequence[Message]) -> list[str]:
    """One numbered line per message. Further lines are indented, so that no text can pass for a new message."""
    return [
        f"[#{number} {stamp(message.created_at)}] {message.peer}: " + defused(message.content).replace("\n", "\n  ")
        for number, message in enumerate(shown, 1)
    ]


def _drafts(claimed: Claim, shown: Sequence[Message], facts: Facts) -> list[ConclusionDraft]:
    """The facts with where they come from: the message the model names if the target wrote it, else all of them."""
    mine = {item.seq for item in claimed.items}
    own = {number: message for number, message in enumerate(shown, 1) if message.seq in mine}
    everything = tuple(own.values())
    drafts: list[ConclusionDraft] = []
    for fact in facts.explicit:
        cited = own.get(fact.message or 0)
        sources = (cited,) if cited is not None else everything
        drafts.append(
            ConclusionDraft(
                content=fact.content,
                level="explicit",
                session=claimed.unit.session,
                message_ids=tuple(message.id for message in sources),
                occurred_at=max(message.created_at for message in sources),
            )
        )
    return drafts
