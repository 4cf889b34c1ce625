"""What a start of the local stack must put right before its first request."""

from datetime import UTC, datetime

import psycopg

from infra.migrations.apply import ensure_space
from shared.llm.provider import open_embedder
from shared.settings import Settings
from shared.settings.choice import embedding_spec
from shared.store import repair


def recover(dsn: str) -> int:
    """Make every unfinished wake-up owed again; gives how many units that concerns.

    The local queue was in memory and the workers are gone, so whatever they held is free.
    """
    with psycopg.connect(dsn) as conn:
        return repair.recover(conn, now=datetime.now(UTC))


def make_room(owner_dsn: str, settings: Settings) -> None:
    """Make the tables for the vectors of the configured embedding model, unless they are there."""
    ensure_space(owner_dsn, open_embedder(embedding_spec(settings)).space)
