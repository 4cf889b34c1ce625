"""Names in Redis. All keys of a workspace share a hash tag, so that a cluster keeps them together."""

import hashlib
from dataclasses import dataclass

from shared.cache.rows import Row

# Another shape of the values is another version: the old ones are never read, and expire.
_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Names:
    """The keys below one namespace."""

    namespace: str

    def value(self, row: Row) -> str:
        return f"{self._of(row.workspace)}:{row.kind}:{row.name}"

    def lock(self, row: Row) -> str:
        """Held by the one reader that may fill the value."""
        return f"{self._of(row.workspace)}:lock:{row.kind}:{row.name}"

    def writers(self, row: Row) -> str:
        """How many are changing the row at this moment."""
        return f"{self._of(row.workspace)}:writers:{row.kind}:{row.name}"

    def epoch(self, workspace: str) -> str:
        """A value of another epoch than this one is void."""
        return f"{self._of(workspace)}:epoch"

    def leavers(self, workspace: str) -> str:
        """How many are taking the workspace away at this moment."""
        return f"{self._of(workspace)}:leavers"

    def _of(self, workspace: str) -> str:
        # Digested: a name may hold braces or colons, and old ones do.
        tag = hashlib.blake2b(workspace.encode(), digest_size=12).hexdigest()
        return f"{self.namespace}:{_VERSION}:{{{tag}}}"
