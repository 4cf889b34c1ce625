"""The workspace: the wall between tenants."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant's space; its name is part of every key."""

    name: str
    uid: str
    metadata: JsonObject
    configuration: JsonObject
    created_at: datetime
