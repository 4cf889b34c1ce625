"""What must hold in the database of a workspace that has come to rest: every message was derived exactly once."""

from typing import LiteralString

UNFINISHED: LiteralString = """
SELECT m.session, m.seq, count(i.*) FILTER (WHERE i.state = 'finished'), count(i.*)
  FROM messages AS m
  LEFT JOIN work_items AS i
    ON i.workspace = m.workspace AND i.message_id = m.id AND i.unit = 'derive:' || m.session || ':' || m.peer
 WHERE m.workspace = %(workspace)s
 GROUP BY m.session, m.seq
HAVING count(i.*) FILTER (WHERE i.state = 'finished') <> 1 OR count(i.*) <> 1
"""

NOT_IN_ONE_WINDOW: LiteralString = """
SELECT i.unit, i.seq, count(w.*)
  FROM work_items AS i
  LEFT JOIN work_windows AS w
    ON w.workspace = i.workspace AND w.unit = i.unit AND i.seq BETWEEN w.first_seq AND w.last_seq
 WHERE i.workspace = %(workspace)s AND i.unit LIKE 'derive:%%'
 GROUP BY i.unit, i.seq
HAVING count(w.*) <> 1
"""

OUT_OF_ORDER: LiteralString = """
SELECT unit, first_seq, last_seq
  FROM (SELECT unit, first_seq, last_seq,
               lag(last_seq) OVER (PARTITION BY unit ORDER BY committed_at, first_seq) AS before
          FROM work_windows
         WHERE workspace = %(workspace)s AND unit LIKE 'derive:%%') AS w
 WHERE first_seq > last_seq OR first_seq <= before
"""

TWICE: LiteralString = """
SELECT message_id, c.content, count(*)
  FROM conclusions AS c, unnest(c.message_ids) AS message_id
 WHERE c.workspace = %(workspace)s AND c.deleted_at IS NULL
 GROUP BY message_id, c.observer, c.observed, c.content
HAVING count(*) > 1
"""

_RULES: dict[str, LiteralString] = {
    "messages not finished exactly once": UNFINISHED,
    "items not in exactly one window": NOT_IN_ONE_WINDOW,
    "windows out of order": OUT_OF_ORDER,
    "conclusions drawn twice": TWICE,
}


def broken_rules(dsn: str, workspace: str) -> dict[str, list[tuple[object, ...]]]:
    """The rules that do not hold, each with the rows that break it."""
    import psycopg

    with psycopg.connect(dsn) as conn:
        found = {rule: conn.execute(query, {"workspace": workspace}).fetchall() for rule, query in _RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}
