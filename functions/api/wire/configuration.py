"""Configuration of workspaces, sessions and messages: checked on its way in, trimmed on its way out."""

from collections.abc import Mapping
from typing import Annotated, Final, Self, cast

from pydantic import ConfigDict, Field, model_validator

from functions.api.wire.fields import Text, Wire, sound
from shared.domain.json import Json, JsonObject


class ReasoningConfiguration(Wire):
    """Whether anything is concluded, and how."""

    enabled: bool | None = None
    custom_instructions: Text | None = None


class PeerCardConfiguration(Wire):
    """Whether cards are used in answers and written."""

    use: bool | None = None
    create: bool | None = None
    custom_instructions: Text | None = None


class SummaryConfiguration(Wire):
    """Whether and how often sessions are summarized."""

    enabled: bool | None = None
    messages_per_short_summary: Annotated[int, Field(ge=10)] | None = None
    messages_per_long_summary: Annotated[int, Field(ge=20)] | None = None
    custom_instructions: Text | None = None

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        short, long = self.messages_per_short_summary, self.messages_per_long_summary
        if short is not None and long is not None and short >= long:
            raise ValueError("messages_per_short_summary should be less than messages_per_long_summary")
        return self


class DreamConfiguration(Wire):
    """Whether memory is consolidated."""

    enabled: bool | None = None
    custom_instructions: Text | None = None


class DialecticConfiguration(Wire):
    """How questions are answered."""

    custom_instructions: Text | None = None


class WorkspaceConfiguration(Wire):
    """The sections; other top-level keys are kept as they are, unknown keys inside a section are dropped."""

    model_config = ConfigDict(frozen=True, extra="allow")

    reasoning: ReasoningConfiguration | None = None
    peer_card: PeerCardConfiguration | None = None
    summary: SummaryConfiguration | None = None
    dream: DreamConfiguration | None = None
    dialectic: DialecticConfiguration | None = None
    custom_instructions: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_sound(cls, value: object) -> object:
        return value if isinstance(value, WorkspaceConfiguration) else sound(value)

    def given(self) -> JsonObject:
        """What the caller wrote, nulls included."""
        return cast(JsonObject, self.model_dump(exclude_unset=True))


class SessionConfiguration(WorkspaceConfiguration):
    """As a workspace's; it wins over that one leaf by leaf."""


class MessageConfiguration(Wire):
    """What may be set for a single message."""

    reasoning: ReasoningConfiguration | None = None

    def given(self) -> JsonObject:
        return cast(JsonObject, self.model_dump(exclude_unset=True))


_LEAVES: Final[Mapping[str, frozenset[str]]] = {
    "reasoning": frozenset(ReasoningConfiguration.model_fields),
    "peer_card": frozenset(PeerCardConfiguration.model_fields),
    "summary": frozenset(SummaryConfiguration.model_fields),
    "dream": frozenset(DreamConfiguration.model_fields),
    "dialectic": frozenset(DialecticConfiguration.model_fields),
}


def shown(stored: Mapping[str, Json]) -> JsonObject:
    """`stored` as clients may read it: the Python SDK refuses a whole answer for one unknown leaf in a section."""
    return {key: _known(key, value) for key, value in stored.items() if key not in _LEAVES or isinstance(value, dict)}


def shown_of_peer(stored: Mapping[str, Json]) -> JsonObject:
    """Only `observe_me`: the Python SDK refuses a peer with any other key, whoever stored it."""
    observe_me = stored.get("observe_me")
    return {"observe_me": observe_me} if isinstance(observe_me, bool) else {}


def _known(key: str, value: Json) -> Json:
    leaves = _LEAVES.get(key)
    if leaves is None or not isinstance(value, dict):
        return value
    return {leaf: item for leaf, item in value.items() if leaf in leaves}
