"""Bring the database to the newest revision; invoked by the deploy, as the owner of the tables."""

from importlib import import_module
from typing import Protocol, cast

from shared.backends import ConfiguredModels
from shared.domain.vector import EmbeddingSpace
from shared.settings import load
from shared.telemetry.logs import logger
from shared.telemetry.outlets import open_outlets

_settings = load()
_outlets = open_outlets(_settings, "migrate")


class _Migrations(Protocol):
    """What `infra/migrations/apply.py` gives."""

    def upgrade(self, dsn: str) -> None: ...

    def current(self, dsn: str) -> str | None: ...

    def ensure_space(self, dsn: str, space: EmbeddingSpace) -> None: ...


def lambda_handler(event: object, context: object) -> dict[str, object]:
    """The revision the database is at now, and the space its vectors go to."""
    with _outlets.emptied():
        return _migrated()


def _migrated() -> dict[str, object]:
    # By name: functions stand below infra, and this one's bundle alone has the migrations, as files.
    migrations = cast(_Migrations, import_module("infra.migrations.apply"))
    space = ConfiguredModels(_settings).embedder().space
    migrations.upgrade(_settings.db.dsn)
    migrations.ensure_space(_settings.db.dsn, space)
    revision = migrations.current(_settings.db.dsn)
    logger.info("database_migrated", revision=revision, model=space.model, dimensions=space.dimensions)
    return {"revision": revision, "model": space.model, "dimensions": space.dimensions}
