"""Which vector store the settings choose."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from shared.domain.vector import EmbeddingSpace
from shared.settings.sources import SettingsInvalid
from shared.settings.storage import VectorStoreSettings
from shared.store.database import Database
from shared.vectors import spaces
from shared.vectors.dual import DualIndex
from shared.vectors.external import ExternalIndex
from shared.vectors.index import VectorIndex
from shared.vectors.lance import NOT_INSTALLED, LanceShelf
from shared.vectors.pg import PgIndex
from shared.vectors.shelf import MESSAGES, WORDED_MESSAGES, Shelf
from shared.vectors.turbopuffer import TurbopufferShelf

# Where upstream looks when nothing is said.
_REGION: Final = "gcp-us-east4"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores by name; `external` is None where Postgres is the only one."""

    postgres: VectorIndex
    external: ExternalIndex | None
    is_migrated: bool

    @property
    def index(self) -> VectorIndex:
        """What the memory reads and writes."""
        if self.external is None:
            return self.postgres
        return self.external if self.is_migrated else DualIndex(self.postgres, self.external)


def open_stores(
    settings: VectorStoreSettings, namespace: str, db: Database, space: Callable[[], EmbeddingSpace]
) -> Stores:
    """Opens no connection and imports no SDK. Raises `SettingsInvalid` where what is chosen cannot be had."""
    postgres = PgIndex(db, space)
    shelf = _shelf(settings)
    if shelf is None:
        return Stores(postgres, None, settings.migrated)
    messages = WORDED_MESSAGES if settings.type == "turbopuffer" and settings.turbopuffer_text else MESSAGES
    external = ExternalIndex(shelf, namespace, space, lambda: _keys(db), messages)
    return Stores(postgres, external, settings.migrated)


def _shelf(settings: VectorStoreSettings) -> Shelf | None:
    match settings.type:
        case "pgvector":
            return None
        case "turbopuffer":
            key = settings.turbopuffer_api_key
            region = settings.turbopuffer_region or _REGION
            return TurbopufferShelf(key.get_secret_value() if key else "", region, settings.turbopuffer_base_url)
        case "lancedb":
            if find_spec("lancedb") is None:
                raise SettingsInvalid(NOT_INSTALLED)
            return LanceShelf(settings.lancedb_path)


def _keys(db: Database) -> Iterable[str]:
    with db.reading() as conn:
        return spaces.keys(conn)
