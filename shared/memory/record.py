"""Recording messages: everything or nothing, and then the wake-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.backends import Backends
from shared.domain.clock import as_utc
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import SCOPE_PREFIX, checked_name, is_scope, new_id
from shared.domain.json import JsonObject, without_nul
from shared.domain.message import Message, MessageDraft
from shared.domain.retry import Batch
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.llm import tokens
from shared.memory.note import UNNOTED, Note
from shared.memory.planning import Plan, derive_gate, rhythm
from shared.memory.relay import send
from shared.memory.twins import Twins
from shared.store import dream_schedule, messages, outbox, record, unanswered
from shared.store.database import Connection, Database
from shared.store.messages import NewMessage
from shared.store.record import Scene
from shared.telemetry import events, metrics
from shared.telemetry.events import publish
from shared.telemetry.metrics import measure


def record_messages(
    backends: Backends,
    workspace: str,
    session: str,
    drafts: Sequence[MessageDraft],
    *,
    note: Note[list[Message]] = UNNOTED,
    batch: Batch | None = None,
) -> list[Message]:
    """Append `drafts` to the session, in order, with the work they call for; all of it or nothing.

    Makes the workspace, the session, its authors and their memberships where they are missing. With `batch`, what an
    earlier run of it wrote without getting its answer out is given again instead. Raises `NameInvalid` for a bad
    name, `NotFound` when the session is being deleted or an author erased, and what `Twins` raises.
    """
    authors = _checked(workspace, session, drafts)
    now = backends.clock.now()
    counted = [_Counted(draft, new_id(), tokens.count(draft.content)) for draft in drafts]
    twins = Twins(batch)

    def work(conn: Connection) -> tuple[list[Message], _Owed]:
        scene = _scene(backends.db, conn, workspace, session, authors, now, batch)
        earlier = twins.ended(scene.unanswered, backends.clock.now())
        if earlier is not None:
            return twins.answered_for(conn, earlier, backends.clock.now(), note), _Owed()
        plan = Plan(workspace, session, scene, backends.settings)
        new = [counted_one.placed(plan, now) for counted_one in counted]
        with backends.db.together(conn):
            places = messages.insert(conn, workspace, session, new)
            owed = _plan(conn, plan, new, now, batch)
            stored = _stored(workspace, session, new, places.read())
        note(conn, stored)
        twins.check_time(backends.clock.now())
        return stored, owed

    def happened(conn: Connection) -> bool:
        ids = [counted_one.id for counted_one in counted]
        return len(messages.by_ids(conn, workspace, ids)) == len(ids)

    stored, owed = twins.patiently(lambda: backends.db.run(work, happened=happened))
    _tell(workspace, session, drafts, stored)
    send(backends, owed.wake_ups, batch=owed.answer)
    twins.settle(backends, [message.id for message in stored])
    return stored


def _tell(workspace: str, session: str, drafts: Sequence[MessageDraft], stored: Sequence[Message]) -> None:
    measure(metrics.MESSAGES_CREATED, len(stored))
    source = "file_upload" if any(draft.internal for draft in drafts) else "api"
    last = stored[-1].id if stored else None
    publish(
        events.MESSAGE_CREATED,
        f"{workspace}:{session}:{source}:{last}",
        workspace_name=workspace,
        session_name=events.alias(workspace, session),
        message_count=len(stored),
        total_tokens=sum(message.token_count for message in stored),
        source=source,
        last_message_id=last,
    )


@dataclass(frozen=True, slots=True)
class _Owed:
    """What is left to do after the commit: wake-ups to send, and an answer to note as given."""

    wake_ups: Sequence[WakeUp] = ()
    answer: Batch | None = None


def _plan(conn: Connection, plan: Plan, new: Sequence[NewMessage], now: datetime, batch: Batch | None) -> _Owed:
    """Write the work the batch calls for; all statements travel together, their answers are read at the end."""
    items, ids = plan.items(new), [message.id for message in new]
    owed = [
        outbox.plan(conn, plan.workspace, plan.session, items, gate=derive_gate(plan.settings), batch=len(new), now=now)
    ]
    units = {item.unit for item in items}
    cadence = plan.cadence()
    if cadence is not None:
        unit = WorkUnit(plan.workspace, TaskKind.SUMMARY, plan.session)
        units.add(unit)
        owed.append(outbox.plan_summary(conn, unit, ids, cadence, now=now))
    # Last: who holds a collection must not wait for a unit.
    authors = sorted({message.peer for message in new})
    dream_schedule.postpone(conn, plan.workspace, authors, rhythm(plan.settings), now=now)
    is_noted = None if batch is None else unanswered.begin(conn, batch, ids, list(units), now=now)
    wake_ups = [wake_up for one in owed for wake_up in one.read()]
    return _Owed(wake_ups, batch if is_noted is not None and is_noted() else None)


class _Counted:
    """A draft with its id and its tokens, both made before the transaction: a repeated one writes the same."""

    __slots__ = ("draft", "id", "token_count")

    def __init__(self, draft: MessageDraft, message_id: str, token_count: int) -> None:
        self.draft, self.id, self.token_count = draft, message_id, token_count

    def placed(self, plan: Plan, now: datetime) -> NewMessage:
        draft = self.draft
        return NewMessage(
            id=self.id,
            peer=draft.peer,
            content=draft.content,
            token_count=self.token_count,
            metadata=draft.metadata,
            configuration=draft.configuration,
            is_reasoned=plan.is_reasoned(draft.peer, draft.configuration),
            created_at=now if draft.created_at is None else as_utc(draft.created_at),
            internal=draft.internal,
        )


def _checked(workspace: str, session: str, drafts: Sequence[MessageDraft]) -> list[str]:
    """The authors, each once, sorted."""
    checked_name(workspace, "workspace id")
    checked_name(session, "session id")
    authors = sorted({draft.peer for draft in drafts})
    for author in authors:
        if is_scope(author):
            raise Invalid(f"a peer whose name starts with '{SCOPE_PREFIX}' cannot write messages")
        checked_name(author, "peer id")
    return authors


def _scene(
    db: Database,
    conn: Connection,
    workspace: str,
    session: str,
    authors: list[str],
    now: datetime,
    batch: Batch | None,
) -> Scene:
    found = record.scene(conn, workspace, session, authors, now=now, batch=batch)
    present = {witness.peer for witness in found.witnesses if witness.is_active}
    is_whole = found.session is not None and present.issuperset(authors)
    if found.is_active and not is_whole:
        with db.together(conn):
            record.ensure(conn, workspace, session, authors, now)
            found = record.scene(conn, workspace, session, authors, now=now, batch=batch)
    if not found.is_active:
        raise NotFound(f"session {session} is being deleted")
    leaving = [witness.peer for witness in found.witnesses if witness.is_leaving and witness.peer in authors]
    if leaving:
        raise NotFound(f"peer {leaving[0]} is being erased")
    return found


def _stored(workspace: str, session: str, new: Sequence[NewMessage], seqs: Sequence[int]) -> list[Message]:
    if len(seqs) != len(new):
        raise NotFound(f"session {session} is being deleted")
    return [
        Message(m.id, workspace, session, m.peer, seq, m.content, m.token_count, m.metadata, m.created_at)
        for m, seq in zip(new, seqs, strict=True)
    ]


def draft(
    peer: str,
    content: str,
    metadata: JsonObject | None = None,
    configuration: JsonObject | None = None,
    created_at: datetime | None = None,
) -> MessageDraft:
    """A message as it may be stored: NUL characters taken out."""
    clean = without_nul(metadata or {})
    return MessageDraft(
        peer, content.replace("\x00", ""), clean if isinstance(clean, dict) else {}, configuration, created_at
    )
