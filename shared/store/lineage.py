"""What rests on what: conclusions held while something is built on them, and those above ones that go."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from shared.domain.conclusion import Collection, Conclusion, Level, content_hash
from shared.store.database import Connection
from shared.store.rows import CONCLUSION, conclusion_row

# Ids sorted: two that hold the same conclusions must not wait for each other in a circle.
HOLD: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL
   AND observer = %(observer)s AND observed = %(observed)s
 ORDER BY id
   FOR NO KEY UPDATE
"""


def hold(conn: Connection, collection: Collection, ids: Sequence[str]) -> dict[str, Conclusion]:
    """The live conclusions of the collection among `ids`; nobody takes them away before the transaction ends."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        found = cursor.execute(HOLD, {**_key(collection), "ids": sorted(ids)}).fetchall()
    return {conclusion.id: conclusion for conclusion in found}


# One look into the index of sources for each id: of all at once Postgres believes that they match half the table.
RESTING_ON: LiteralString = f"""
SELECT DISTINCT ON (c.id) {"c." + CONCLUSION.replace(", ", ", c.")}
  FROM unnest(%(ids)s::text[]) AS source (id)
  JOIN conclusions AS c ON c.source_ids @> ARRAY[source.id]
 WHERE c.workspace = %(workspace)s AND c.observer = %(observer)s AND c.observed = %(observed)s
   AND c.deleted_at IS NULL
 ORDER BY c.id
"""


def resting_on(conn: Connection, collection: Collection, ids: Sequence[str]) -> list[Conclusion]:
    """The live conclusions of the collection that name any of `ids` as a source."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(RESTING_ON, {**_key(collection), "ids": list(ids)}).fetchall()


# Those that `conclusions.save` would reinforce. Who saves derived ones holds the unit of their dreams: none can come
# in between.
EQUALS: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
   AND (level, content_hash) IN (SELECT * FROM unnest(%(levels)s::text[], %(hashes)s::text[]))
   AND session IS NULL AND is_derived AND deleted_at IS NULL
 ORDER BY id
   FOR NO KEY UPDATE
"""


def equals(conn: Connection, collection: Collection, wanted: Sequence[tuple[Level, str]]) -> dict[str, Conclusion]:
    """The derived conclusions of these levels and content hashes that there are already, held, by their hash."""
    if not wanted:
        return {}
    levels, hashes = zip(*wanted, strict=True)
    with conn.cursor(row_factory=conclusion_row) as cursor:
        found = cursor.execute(EQUALS, {**_key(collection), "levels": list(levels), "hashes": list(hashes)}).fetchall()
    return {content_hash(one.content): one for one in found}


LOST: LiteralString = """
SELECT DISTINCT source.id
  FROM conclusions AS c, unnest(c.source_ids) AS source (id)
 WHERE c.workspace = %(workspace)s AND c.observer = %(observer)s AND c.observed = %(observed)s
   AND c.deleted_at IS NULL AND c.level <> 'explicit'
   AND NOT EXISTS (SELECT FROM conclusions AS s
                    WHERE s.workspace = %(workspace)s AND s.id = source.id AND s.deleted_at IS NULL)
   AND NOT EXISTS (SELECT FROM dream_changes AS h
                    WHERE h.workspace = %(workspace)s AND h.conclusion = source.id AND h.action = 'superseded'
                      AND NOT h.is_undone)
"""


def lost(conn: Connection, collection: Collection) -> list[str]:
    """Ids that derived conclusions of the collection name as sources though a client has deleted them.

    What was overtaken is not lost: some tell of how it was before.
    """
    return [str(row[0]) for row in conn.execute(LOST, _key(collection))]


SET_SOURCES: LiteralString = """
UPDATE conclusions AS c
   SET source_ids = ARRAY(SELECT s.id FROM unnest(c.source_ids) WITH ORDINALITY AS s (id, place)
                           WHERE s.id = ANY(string_to_array(n.kept, ',')) ORDER BY s.place),
       premises = ARRAY(SELECT s.text FROM unnest(c.source_ids, c.premises) WITH ORDINALITY AS s (id, text, place)
                         WHERE s.id = ANY(string_to_array(n.kept, ',')) AND s.text IS NOT NULL ORDER BY s.place),
       message_ids = ARRAY(SELECT m.id FROM unnest(c.message_ids) WITH ORDINALITY AS m (id, place)
                            WHERE EXISTS (SELECT FROM conclusions AS p
                                           WHERE p.workspace = %(workspace)s
                                             AND p.id = ANY(string_to_array(n.kept, ',')) AND m.id = ANY(p.message_ids))
                            ORDER BY m.place)
  FROM unnest(%(ids)s::text[], %(kept)s::text[]) AS n (id, kept)
 WHERE c.workspace = %(workspace)s AND c.id = n.id AND c.deleted_at IS NULL
"""


def keep_sources(conn: Connection, workspace: str, kept: Mapping[str, Sequence[str]]) -> None:
    """Leave each conclusion only these of its sources, with their premises and messages."""
    if kept:
        ids = sorted(kept)
        values = {"workspace": workspace, "ids": ids, "kept": [",".join(kept[one]) for one in ids]}
        conn.execute(SET_SOURCES, values)


# What a dream has hidden or changed, too: when that is undone it rests on the heir.
HAND_OVER: LiteralString = """
UPDATE conclusions AS c
   SET source_ids = array_replace(c.source_ids, %(old)s, %(heir)s)
 WHERE c.workspace = %(workspace)s AND c.source_ids @> ARRAY[%(old)s]
"""
HAND_OVER_FORMER: LiteralString = """
UPDATE dream_formers AS f
   SET source_ids = array_replace(f.source_ids, %(old)s, %(heir)s)
 WHERE f.workspace = %(workspace)s AND f.source_ids @> ARRAY[%(old)s]
"""


def hand_over(conn: Connection, workspace: str, heirs: Mapping[str, str]) -> None:
    """Let what rested on the keys of `heirs` rest on their values."""
    # One at a time: what rests on two of them would be changed for one only.
    for old, heir in heirs.items():
        for statement in (HAND_OVER, HAND_OVER_FORMER):
            conn.execute(statement, {"workspace": workspace, "old": old, "heir": heir})


def _key(collection: Collection) -> dict[str, object]:
    return {"workspace": collection.workspace, "observer": collection.observer, "observed": collection.observed}
