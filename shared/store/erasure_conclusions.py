"""What messages that go leave behind in conclusions: which of these go too, and which rest on enough without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Touched:
    """A conclusion that may hold something of the messages that go.

    `is_doomed`: it must go. `left` are the other messages it was read from, to be read again if it goes; none when
    nobody would miss it.
    """

    id: str
    is_doomed: bool
    left: tuple[int, ...]


# Words are what the search makes of them: stems, without accents. A conclusion keeps nothing of the messages that go
# only if the messages left, or the names, say each of its words. One that cites none of them may have been read in
# their light, when they stood in the window of its own messages or just before: it goes if it has a word of theirs
# that its own messages do not have.
# Where a whole peer goes (%(peer)s), all of its messages count as gone, and its name as a word of theirs.
TOUCHED: LiteralString = """
WITH erased AS MATERIALIZED (
    SELECT m.seq, m.content
      FROM messages AS m
     WHERE m.workspace = %(workspace)s AND m.id = ANY(%(ids)s)),
told AS MATERIALIZED (
    SELECT tsvector_to_array(to_tsvector('pg_catalog.english', search_words(
               coalesce(string_agg(content, ' '), '') || ' ' || coalesce(%(peer)s, '')))) AS words
      FROM erased),
near AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT m.id), '{}') AS ids
      FROM work_units AS u
      JOIN work_windows AS w ON w.workspace = u.workspace AND w.unit = u.unit
      JOIN messages AS m ON m.workspace = u.workspace AND m.session = u.session
                        AND m.seq BETWEEN w.first_seq AND w.last_seq AND m.peer = u.observed
     WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind = 'derive'
       AND EXISTS (SELECT FROM erased AS e WHERE e.seq BETWEEN w.first_seq - 1 AND w.last_seq)),
drawn AS (
    SELECT c.id, c.message_ids && %(ids)s::text[] AS cites, c.deleted_at IS NULL AND c.is_derived AS is_missed,
           tsvector_to_array(to_tsvector('pg_catalog.english', search_words(c.content))) AS words,
           kept.seqs,
           tsvector_to_array(to_tsvector('pg_catalog.english', search_words(
               concat_ws(' ', kept.content, c.observed, c.observer)))) AS own
      FROM conclusions AS c, near,
           LATERAL (SELECT coalesce(array_agg(m.seq ORDER BY m.seq), '{}') AS seqs,
                           string_agg(m.content, ' ') AS content
                      FROM messages AS m
                     WHERE m.workspace = %(workspace)s AND m.id = ANY(c.message_ids) AND m.id <> ALL(%(ids)s)
                       AND m.peer IS DISTINCT FROM %(peer)s) AS kept
     WHERE c.workspace = %(workspace)s AND c.session = %(session)s AND c.level = 'explicit'
       AND (c.message_ids && %(ids)s::text[] OR c.message_ids && near.ids)),
judged AS MATERIALIZED (
    SELECT d.id, d.cites, d.is_missed, d.seqs,
           CASE WHEN d.cites THEN d.seqs = '{}' OR NOT d.words <@ d.own
                ELSE NOT ARRAY(SELECT unnest(d.words) INTERSECT SELECT unnest(told.words)) <@ d.own END AS is_doomed
      FROM drawn AS d, told)
SELECT id, is_doomed, CASE WHEN is_doomed AND is_missed THEN seqs ELSE '{}' END
  FROM judged
 WHERE cites OR is_doomed
"""


def touched(conn: Connection, workspace: str, session: str, ids: Sequence[str], *, peer: str | None) -> list[Touched]:
    """The conclusions read from the messages `ids` of the session, or in their light; hidden ones included.

    `peer`: all messages of that peer go, these are some of them.
    """
    values = {"workspace": workspace, "session": session, "ids": list(ids), "peer": peer}
    rows = conn.execute(TOUCHED, values).fetchall()
    return [Touched(conclusion, is_doomed, tuple(seqs)) for conclusion, is_doomed, seqs in rows]


# A richer wording takes the place of a poorer one, and with it whatever was concluded from that.
REWORDED: LiteralString = """
SELECT d.id
  FROM conclusions AS d
 WHERE d.workspace = %(workspace)s AND d.id = ANY(%(ids)s) AND d.message_ids && %(erased)s::text[]
   AND EXISTS (SELECT FROM unnest(d.premises) AS p (text)
                WHERE NOT EXISTS (SELECT FROM conclusions AS s
                                   WHERE s.workspace = %(workspace)s AND s.id = ANY(d.source_ids)
                                     AND s.content = p.text))
"""


def reworded(conn: Connection, workspace: str, ids: Sequence[str], erased: Sequence[str]) -> list[str]:
    """Those of the conclusions `ids`, hidden ones included, that were drawn, from `erased` messages among others, from
    another wording of what they rest on now: nobody can tell what of it they keep."""
    values = {"workspace": workspace, "ids": list(ids), "erased": list(erased)}
    return [str(row[0]) for row in conn.execute(REWORDED, values)]


# When it happened may have been said by what is erased alone, and cannot be told from what the others said.
STRIP: LiteralString = """
UPDATE conclusions AS c
   SET message_ids = kept.ids, occurred_at = coalesce(kept.newest, c.occurred_at), event_at = NULL,
       times_derived = greatest(1, c.times_derived - (cardinality(c.message_ids) - cardinality(kept.ids))),
       quotes = kept.quotes,
       quote_state = CASE WHEN c.quote_state = 'verified' AND kept.quotes = '[]' THEN 'none' ELSE c.quote_state END
  FROM (SELECT s.id,
               jsonb_path_query_array(s.quotes, '$[*] ? (!(@.message_id == $erased[*]))',
                                      jsonb_build_object('erased', to_jsonb(%(erased)s::text[]))) AS quotes,
               ARRAY(SELECT cited.id FROM unnest(s.message_ids) WITH ORDINALITY AS cited (id, place)
                      WHERE cited.id <> ALL(%(erased)s) ORDER BY cited.place) AS ids,
               (SELECT max(m.created_at) FROM messages AS m
                 WHERE m.workspace = %(workspace)s AND m.id = ANY(s.message_ids) AND m.id <> ALL(%(erased)s)) AS newest
          FROM conclusions AS s
         WHERE s.workspace = %(workspace)s AND s.id = ANY(%(ids)s) AND s.message_ids && %(erased)s::text[]
         ORDER BY s.id
           FOR UPDATE) AS kept
 WHERE c.workspace = %(workspace)s AND c.id = kept.id
"""


# What is known of conclusions before a dream changed them, whichever they are.
STRIP_FORMERS: LiteralString = """
UPDATE dream_formers AS f
   SET message_ids = kept.ids, occurred_at = coalesce(kept.newest, f.occurred_at),
       times_derived = greatest(1, f.times_derived - (cardinality(f.message_ids) - cardinality(kept.ids)))
  FROM (SELECT s.dream, s.place,
               ARRAY(SELECT cited.id FROM unnest(s.message_ids) WITH ORDINALITY AS cited (id, place)
                      WHERE cited.id <> ALL(%(erased)s) ORDER BY cited.place) AS ids,
               (SELECT max(m.created_at) FROM messages AS m
                 WHERE m.workspace = %(workspace)s AND m.id = ANY(s.message_ids) AND m.id <> ALL(%(erased)s)) AS newest
          FROM dream_formers AS s
         WHERE s.workspace = %(workspace)s AND s.message_ids && %(erased)s::text[]
         ORDER BY s.dream, s.place
           FOR UPDATE) AS kept
 WHERE f.workspace = %(workspace)s AND f.dream = kept.dream AND f.place = kept.place
"""


def strip(conn: Connection, workspace: str, ids: Sequence[str], erased: Sequence[str]) -> None:
    """Let these conclusions cite, quote and count none of the `erased` messages; their time is the newest one left.

    The same for what dreams have changed of any conclusion, after these: who commits a dream holds the conclusions
    that it changes, and is seen, or sees this.
    """
    for statement in (STRIP, STRIP_FORMERS):
        conn.execute(statement, {"workspace": workspace, "ids": list(ids), "erased": list(erased)})


OF_PEER: LiteralString = """
SELECT id
  FROM ((SELECT id FROM conclusions WHERE workspace = %(workspace)s AND observer = %(peer)s LIMIT %(most)s)
         UNION
        (SELECT id FROM conclusions WHERE workspace = %(workspace)s AND observed = %(peer)s LIMIT %(most)s)) AS known
"""


def of_peer(conn: Connection, workspace: str, peer: str, *, most: int) -> list[str]:
    """Ids of conclusions that the peer holds, or that are held about it; hidden ones included."""
    rows = conn.execute(OF_PEER, {"workspace": workspace, "peer": peer, "most": most})
    return [str(row[0]) for row in rows]
