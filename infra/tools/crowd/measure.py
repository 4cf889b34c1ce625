"""How long a search takes among a crowd, and how much of what is nearest it sees."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, LiteralString

import httpx
from psycopg import sql

from infra.tools.crowd.meaning import Meaning
from infra.tools.crowd.talk import BIG, GUIDE, LONG_SESSION
from shared.domain.vector import EmbeddingSpace
from shared.store.database import Connection
from shared.vectors.index import VectorIndex
from shared.vectors.spaces import table_names

_WARM: Final = 3
_TIMEOUT_S: Final = 120.0
_AT: Final = f"/v3/workspaces/{BIG}"
PERSON: Final = "person-1"
# What is searched, by its name in the table: path and filters.
AREAS: Final[Mapping[str, tuple[str, dict[str, object]]]] = {
    "workspace": (f"{_AT}/search", {}),
    "workspace, 1% by metadata": (f"{_AT}/search", {"metadata": {"kind": "k7"}}),
    "long session": (f"{_AT}/sessions/{LONG_SESSION}/search", {}),
    "usual session": (f"{_AT}/sessions/session-1/search", {}),
    "peer who said half of it": (f"{_AT}/peers/{GUIDE}/search", {}),
    "peer of twenty sessions": (f"{_AT}/peers/{PERSON}/search", {}),
}


@dataclass(slots=True)
class Taken:
    """How long each search of an area took, in milliseconds."""

    took_ms: list[float] = field(default_factory=list[float])

    def percentile(self, share: float) -> float:
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ask(base_url: str, questions: Sequence[str]) -> dict[str, Taken]:
    """Each question in each area, all areas by turns; the first few questions only warm up."""
    taken = {name: Taken() for name in AREAS}
    with httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False) as http:
        for number, question in enumerate(questions):
            for place, (name, (path, filters)) in enumerate(AREAS.items()):
                # Told apart by a number, so that no question's vector is remembered from the area before.
                body = {"query": f"{question} {number * len(AREAS) + place}", "limit": 10, "filters": filters}
                begun = time.perf_counter()
                http.post(path, json=body).raise_for_status()
                if number >= _WARM:
                    taken[name].took_ms.append((time.perf_counter() - begun) * 1000)
    return taken


_NEAREST: LiteralString = """
SELECT message_id FROM {table}
 WHERE workspace = %(workspace)s
 ORDER BY (vector <=> %(vector)s::{vector_type}) + 0
 LIMIT %(most)s
"""


def recall(
    conn: Connection, index: VectorIndex, meaning: Meaning, space: EmbeddingSpace, questions: Sequence[str]
) -> dict[int, float]:
    """The share of the nearest 10, 40 and 160 messages that the index finds, by that number; reads every vector."""
    names, depths = table_names(space), (10, 40, 160)
    statement = sql.SQL(_NEAREST).format(table=sql.Identifier(names.messages), vector_type=sql.SQL(names.vector_type))
    found = dict.fromkeys(depths, 0.0)
    for question in questions:
        vector = [float(value) for value in meaning.of([question])[0]]
        given = {"workspace": BIG, "vector": str(vector), "most": max(depths)}
        nearest = [row[0] for row in conn.execute(statement, given).fetchall()]
        hits = {hit.id for hit in index.nearest_messages(BIG, vector, k=max(depths))}
        for depth in depths:
            found[depth] += len(hits & set(nearest[:depth])) / depth / len(questions)
    return found
