"""Vectors in the binary form of pgvector: a text of 1536 numbers costs Postgres and us twenty times as much."""

import struct
from collections.abc import Sequence

import pgvector
from psycopg.adapt import Dumper
from psycopg.pq import Format

from shared.domain.vector import Vector

# An array of them, which the library does not know: array_send in src/backend/utils/adt/arrayfuncs.c of Postgres.
_ARRAY_HEAD = struct.Struct(">iiIii")
_LENGTH = struct.Struct(">i")


class Packed:
    """A parameter in its type's binary form; the statement says the type with a cast."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class PackedDumper(Dumper):
    """Sends `Packed` as it is. Type 0 lets Postgres infer the type from the cast."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> bytes:
        return obj.data


def pack(vector: Vector, vector_type: str) -> bytes:
    """One vector as `vector` (4 bytes a number) or `halfvec` (2 bytes)."""
    kind = pgvector.HalfVector if vector_type == "halfvec" else pgvector.Vector
    return kind(list(vector)).to_binary()


def pack_all(vectors: Sequence[Vector], vector_type: str, type_oid: int) -> Packed:
    """An array of vectors. `type_oid` is that of the elements: Postgres compares it with the cast's."""
    parts = [_ARRAY_HEAD.pack(1 if vectors else 0, 0, type_oid, len(vectors), 1)[: None if vectors else 12]]
    for vector in vectors:
        data = pack(vector, vector_type)
        parts += (_LENGTH.pack(len(data)), data)
    return Packed(b"".join(parts))
