"""What Turbopuffer does with rows, in plain Python: schemas, filters, and the order of what is found."""

import base64
import fnmatch
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

Document = dict[str, Any]
MOST_ROWS, LONGEST_ID, MOST_DELETED = 10_000, 64, 1000


class BadRequest(Exception):
    """Answered with 400 and these words."""


@dataclass
class Namespace:
    """Documents by id, and the declared types of their attributes."""

    schema: dict[str, Any] = field(default_factory=dict[str, Any])
    documents: dict[str, Document] = field(default_factory=dict[str, Document])

    def write(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.schema |= body.get("schema") or {}
        upserted = [self._upsert(one) for one in _written(body)]
        doomed = [one for one in body.get("deletes") or () if self.documents.pop(one, None) is not None]
        is_left = False
        if wanted := body.get("delete_by_filter"):
            found = [one["id"] for one in self.matching(wanted)]
            if len(found) > MOST_DELETED and not body.get("delete_by_filter_allow_partial"):
                raise BadRequest("too many documents match the filter")
            is_left = len(found) > MOST_DELETED
            for one in found[:MOST_DELETED]:
                del self.documents[one]
                doomed.append(one)
        return {
            "status": "OK",
            "message": "write successful",
            "rows_affected": len(upserted) + len(doomed),
            "rows_remaining": is_left,
            "billing": {"billable_logical_bytes_written": 1},
        }

    def query(self, body: Mapping[str, Any]) -> list[Document]:
        limit: Any = body.get("limit", body.get("top_k"))
        most = cast(object, limit["total"] if isinstance(limit, dict) else limit)
        if not isinstance(most, int) or not 0 < most <= MOST_ROWS:
            raise BadRequest(f"limit must be between 1 and {MOST_ROWS}")
        found = self.matching(body.get("filters"))
        ranked = self._ranked(found, body["rank_by"])
        return [self._shown(one, score, body) for score, one in ranked[:most]]

    def matching(self, condition: Sequence[Any] | None) -> list[Document]:
        return [one for one in self.documents.values() if condition is None or self._meets(one, condition)]

    def _upsert(self, one: Document) -> str:
        identifier = one["id"]
        if not isinstance(identifier, str) or not 0 < len(identifier.encode()) <= LONGEST_ID:
            raise BadRequest("an id has 1 to 64 bytes")
        vector, declared = decoded(one["vector"]), self.schema["vector"]["type"]
        if declared != f"[{len(vector)}]f32":
            raise BadRequest(f"vector of {len(vector)} dimensions where the schema says {declared}")
        if unknown := one.keys() - self.schema.keys():
            raise BadRequest(f"attributes without a type: {unknown}")
        self.documents[identifier] = {**one, "vector": vector}
        return identifier

    def _meets(self, one: Document, condition: Sequence[Any]) -> bool:
        match condition:
            case ["And", parts]:
                return all(self._meets(one, part) for part in parts)
            case ["Or", parts]:
                return any(self._meets(one, part) for part in parts)
            case ["Not", part]:
                return not self._meets(one, part)
            case [name, operator, value]:
                if name not in self.schema:
                    raise BadRequest(f"no attribute {name}")
                return _OPERATORS[operator](one.get(name), value)
            case _:
                raise BadRequest("not a filter")

    def _ranked(self, found: list[Document], rank_by: Sequence[Any]) -> list[tuple[float | None, Document]]:
        match rank_by:
            case ["vector", "ANN" | "kNN", vector]:
                asked = decoded(vector)
                if found and len(asked) != len(found[0]["vector"]):
                    raise BadRequest("the vector has another number of dimensions")
                scored = sorted(found, key=lambda one: cosine_distance(asked, one["vector"]))
                return [(cosine_distance(asked, one["vector"]), one) for one in scored]
            case [name, "BM25", text]:
                scores = _bm25([str(one.get(name) or "") for one in self.documents.values()], text)
                by_id = dict(zip(self.documents, scores, strict=True))
                worth = sorted((one for one in found if by_id[one["id"]] > 0), key=lambda one: -by_id[one["id"]])
                return [(by_id[one["id"]], one) for one in worth]
            case [name, "asc" | "desc" as order]:
                return [(None, one) for one in sorted(found, key=lambda one: one[name], reverse=order == "desc")]
            case _:
                raise BadRequest("not a ranking")

    def _shown(self, one: Document, score: float | None, body: Mapping[str, Any]) -> Document:
        wanted = cast("bool | list[str]", body.get("include_attributes") or [])
        names = list(one) if isinstance(wanted, bool) else wanted
        shown = {name: one.get(name) for name in names if name != "id"}
        if "vector" in shown and body.get("vector_encoding") == "base64":
            shown["vector"] = base64.b64encode(struct.pack(f"<{len(one['vector'])}f", *one["vector"])).decode()
        return {"id": one["id"], **({} if score is None else {"$dist": score}), **shown}


def _written(body: Mapping[str, Any]) -> list[Document]:
    columns = cast("dict[str, list[Any]]", body.get("upsert_columns") or {})
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [*rows, *(body.get("upsert_rows") or ())]


def decoded(vector: str | list[float]) -> list[float]:
    """A vector as it came: numbers, or little-endian single precision in base64."""
    if isinstance(vector, str):
        data = base64.b64decode(vector)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    return vector


def cosine_distance(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return 1 - product / (math.hypot(*one) * math.hypot(*other))


def _bm25(texts: list[str], query: str) -> list[float]:
    words = [text.lower().split() for text in texts]
    average = sum(map(len, words)) / max(1, len(words))
    scores = [0.0] * len(texts)
    for term in set(query.lower().split()):
        holding = sum(term in said for said in words)
        rarity = math.log(1 + (len(words) - holding + 0.5) / (holding + 0.5))
        for place, said in enumerate(words):
            count = said.count(term)
            scores[place] += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(said) / average))
    return scores


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "Eq": lambda held, value: held == value,
    "NotEq": lambda held, value: held != value,
    "In": lambda held, values: held in values,
    "NotIn": lambda held, values: held not in values,
    "Gt": lambda held, value: held is not None and held > value,
    "Gte": lambda held, value: held is not None and held >= value,
    "Lt": lambda held, value: held is not None and held < value,
    "Lte": lambda held, value: held is not None and held <= value,
    "Glob": lambda held, value: fnmatch.fnmatchcase(str(held), value),
}
