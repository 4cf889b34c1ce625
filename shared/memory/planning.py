"""Which work a batch of messages creates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.configuration import Configuration, resolve
from shared.domain.json import JsonObject
from shared.domain.work import TaskKind, WorkUnit
from shared.settings import Settings
from shared.store import sessions, workspaces
from shared.store.database import Connection
from shared.store.dream_schedule import Rhythm
from shared.store.messages import NewMessage
from shared.store.outbox import Cadence, Gate, PlannedItem
from shared.store.record import Scene


@dataclass(frozen=True, slots=True)
class Plan:
    """Who learns from whom in one session, as of now."""

    workspace: str
    session: str
    scene: Scene
    settings: Settings

    def configuration(self, message: JsonObject | None) -> Configuration:
        """What is in force for a message with this configuration of its own."""
        return resolve(defaults(self.settings), self.scene.workspace, self.scene.session, message)

    def is_reasoned(self, author: str, message: JsonObject | None) -> bool:
        """Whether anything may be concluded from a message of `author`."""
        return self.configuration(message).reasoning and self._is_observed(author)

    def items(self, messages: Sequence[NewMessage]) -> list[PlannedItem]:
        """The items of the batch: one to derive per message, and one to index them all."""
        derived = [item for position, message in enumerate(messages, 1) for item in self._derive(position, message)]
        index = PlannedItem(
            WorkUnit(self.workspace, TaskKind.INDEX, self.session),
            len(messages),
            1,
            messages[-1].id,
            sum(message.token_count for message in messages),
        )
        return [*derived, index]

    def cadence(self) -> Cadence | None:
        """When the session is summarized; None when it is not."""
        return cadence_of(self.configuration(None))

    def _derive(self, position: int, message: NewMessage) -> Iterator[PlannedItem]:
        if message.is_reasoned:
            yield PlannedItem(
                WorkUnit(self.workspace, TaskKind.DERIVE, self.session, message.peer),
                position,
                position,
                message.id,
                message.token_count,
                self._observers(message.peer),
                self.configuration(message.configuration).custom_instructions,
            )

    def _is_observed(self, author: str) -> bool:
        return next((witness.is_observed for witness in self.scene.witnesses if witness.peer == author), True)

    def _observers(self, author: str) -> tuple[str, ...]:
        """The author itself, then everybody else who watches."""
        others = (w.peer for w in self.scene.witnesses if w.observes_others and w.peer != author)
        return (author, *sorted(others))


def in_force(settings: Settings, conn: Connection, workspace: str, session: str) -> Configuration:
    """What is in force for the session as such."""
    levels = [workspaces.get(conn, workspace), sessions.get(conn, workspace, session)]
    return resolve(defaults(settings), *(found.configuration for found in levels if found is not None))


def cadence_of(in_force: Configuration) -> Cadence | None:
    """When a session is summarized; None when it is not."""
    if not in_force.summary:
        return None
    return Cadence(in_force.messages_per_short_summary, in_force.messages_per_long_summary)


def derive_gate(settings: Settings) -> Gate:
    """What derivation waits for, as configured; an age of 0 means to wait for ever."""
    age_s = settings.deriver.representation_batch_max_age_seconds
    return Gate(settings.deriver.gate_tokens, timedelta(seconds=age_s) if age_s else None)


def rhythm(settings: Settings) -> Rhythm:
    """When collections dream by themselves, as configured."""
    dream = settings.dream
    is_wanted = dream.enabled and dream.enabled_types
    return Rhythm(
        threshold=dream.document_threshold if is_wanted else None,
        idle=timedelta(minutes=dream.idle_timeout_minutes),
        at_least_between=timedelta(hours=dream.min_hours_between_dreams),
    )


def defaults(settings: Settings) -> Configuration:
    """The configuration of a workspace that sets nothing."""
    return Configuration(
        reasoning=settings.deriver.enabled,
        use_card=settings.peer_card.enabled,
        create_card=settings.peer_card.enabled,
        summary=settings.summary.enabled,
        messages_per_short_summary=settings.summary.messages_per_short_summary,
        messages_per_long_summary=settings.summary.messages_per_long_summary,
        dream=settings.dream.enabled,
    )
