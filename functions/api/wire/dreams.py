"""Dreams on the wire: asked for, and shown with what they changed."""

from collections.abc import Sequence
from typing import Self

from functions.api.wire.fields import Moment, Open, Text, Wire
from shared.domain.conclusion import Collection
from shared.domain.dream import (
    Action,
    Cause,
    ChangeRecord,
    DreamKind,
    DreamRecord,
    DreamRequest,
    DreamState,
    Phase,
)


class ScheduleDream(Wire):
    """Which collection is to dream: what `observer` believes about `observed`, or about itself.

    `rebuild` counts with `card_refresh` only: the card is made anew, whatever it says now.
    """

    observer: Text
    observed: Text | None = None
    dream_type: DreamKind
    session_id: Text | None = None
    rebuild: bool = False

    def wanted(self, workspace: str) -> DreamRequest:
        collection = Collection(workspace, self.observer, self.observed or self.observer)
        is_rebuild = self.rebuild and self.dream_type == "card_refresh"
        return DreamRequest(collection, self.dream_type, "manual", self.session_id or None, is_rebuild)


class Dream(Wire):
    """A dream, how far it has come, and how much it changed. `phase` is what comes next.

    `parked` has failed again and again and waits for an operator, `dropped` was given up then; `undone` is taken back.
    """

    id: str
    observer_id: str
    observed_id: str
    dream_type: Open[DreamKind]
    cause: Open[Cause]
    session_id: str | None
    state: Open[DreamState]
    phase: Open[Phase]
    input_tokens: int
    output_tokens: int
    requested_at: Moment
    begun_at: Moment | None
    finished_at: Moment | None
    undone_at: Moment | None
    change_counts: dict[Open[Action], int]

    @classmethod
    def of(cls, found: DreamRecord) -> Self:
        return cls.model_validate(_fields(found))


class DreamChange(Wire):
    """A conclusion that was added, found once more, superseded, deleted or left with fewer sources, or a line that came
    onto the card, left it or took another place on it.

    `content` is null for a conclusion that somebody has deleted since. `source_ids` are those that the change brought
    or, where it was trimmed, took away. `is_undone`: the change was taken back.
    """

    action: Open[Action]
    conclusion_id: str | None
    content: str | None
    successor_id: str | None
    line: str | None
    reason: str | None
    source_ids: list[str]
    changed_at: Moment
    is_undone: bool

    @classmethod
    def of(cls, found: ChangeRecord) -> Self:
        change = found.change
        return cls(
            action=change.action,
            conclusion_id=change.conclusion,
            content=found.content,
            successor_id=change.successor,
            line=change.line,
            reason=change.reason,
            source_ids=list(change.source_ids),
            changed_at=found.changed_at,
            is_undone=found.is_undone,
        )


class DreamWithChanges(Dream):
    """A dream and each of its changes, in the order they were made."""

    changes: list[DreamChange]

    @classmethod
    def whole(cls, found: DreamRecord, changes: Sequence[ChangeRecord]) -> Self:
        shown = [DreamChange.of(change) for change in changes]
        return cls.model_validate({**_fields(found), "changes": shown})


def _fields(found: DreamRecord) -> dict[str, object]:
    return {
        "id": found.id,
        "observer_id": found.observer,
        "observed_id": found.observed,
        "dream_type": found.kind,
        "cause": found.cause,
        "session_id": found.session,
        "state": found.state,
        "phase": found.phase,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "requested_at": found.requested_at,
        "begun_at": found.begun_at,
        "finished_at": found.finished_at,
        "undone_at": found.undone_at,
        "change_counts": found.changes,
    }
