"""What the machine looks at in the database after each step, for all of its workspaces at once."""

from typing import LiteralString

TABLES: LiteralString = """
SELECT tablename::text FROM pg_tables
 WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'embedding_spaces', 'wake_floor')
"""
MESSAGES: LiteralString = """
SELECT workspace, session, seq, id, peer, content FROM messages
 WHERE workspace = ANY(%(workspaces)s) ORDER BY workspace, session, seq
"""
EXPLICIT: LiteralString = """
SELECT workspace, id, observer, observed, session, content, times_derived, message_ids, deleted_at IS NULL AS is_live
  FROM conclusions
 WHERE workspace = ANY(%(workspaces)s) AND level = 'explicit' AND is_derived
 ORDER BY workspace, content, observer, id
"""
LIVE: LiteralString = """
SELECT id, level, content, observer, observed FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL ORDER BY content, observer, observed, level, session
"""
BUILT_ON: LiteralString = """
SELECT p.id FROM conclusions AS p
 WHERE p.workspace = %(workspace)s AND p.observer = %(observed)s AND p.observed = %(observed)s AND p.deleted_at IS NULL
   AND EXISTS (SELECT FROM conclusions AS c
                WHERE c.workspace = p.workspace AND c.source_ids @> ARRAY[p.id] AND c.deleted_at IS NULL)
 ORDER BY p.content, p.level, p.session
"""
# Nothing to build on for a dream of %(unit)s: held by or about somebody else, in another workspace, or hidden.
STRANGE: LiteralString = """
SELECT id FROM conclusions
 WHERE workspace = ANY(%(workspaces)s)
   AND (workspace <> %(workspace)s OR (observer, observed) <> (%(observer)s, %(observed)s) OR deleted_at IS NOT NULL)
 ORDER BY content, workspace, observer, observed, level
 LIMIT 20
"""
ITEMS: LiteralString = """
SELECT workspace, unit, seq, state, message_id, error FROM work_items
 WHERE workspace = ANY(%(workspaces)s) ORDER BY workspace, unit, seq
"""
WINDOWS: LiteralString = """
SELECT workspace, unit, first_seq, last_seq, items, token FROM work_windows
 WHERE workspace = ANY(%(workspaces)s) ORDER BY workspace, unit, committed_at, first_seq
"""
SUMMARIES: LiteralString = """
SELECT workspace, session, kind, covered_seq, content FROM summaries
 WHERE workspace = ANY(%(workspaces)s) ORDER BY workspace, session, kind
"""
SUPERSEDED: LiteralString = """
SELECT DISTINCT conclusion AS id FROM dream_changes
 WHERE workspace = ANY(%(workspaces)s) AND action = 'superseded'
"""
DREAMT: LiteralString = """
SELECT count(*) AS changes, count(*) FILTER (WHERE line IS NOT NULL) AS lines FROM dream_changes
 WHERE workspace = %(workspace)s
"""
NEXT_DREAM: LiteralString = """
SELECT d.id, d.session, d.begun_at
  FROM work_items AS i
  JOIN dreams AS d ON d.workspace = i.workspace AND d.number = i.seq
 WHERE i.workspace = %(workspace)s AND i.unit = %(unit)s AND i.state = 'pending'
   AND (d.observer, d.observed) = (%(observer)s, %(observed)s)
 ORDER BY i.seq
 LIMIT 1
"""
# In an order of their own: what hypothesis replays must come to the same.
DREAMS: LiteralString = """
SELECT id, observer, observed, begun_at, finished_at, undone_at FROM dreams
 WHERE workspace = %(workspace)s ORDER BY requested_at DESC, observer, observed, number DESC
"""
# Those of the same collection that are under way, or have changed something since.
LATER_DREAMS: LiteralString = """
SELECT o.id FROM dreams AS o
 WHERE o.workspace = %(workspace)s AND o.observer = %(observer)s AND o.observed = %(observed)s AND o.id <> %(dream)s
   AND o.undone_at IS NULL
   AND (o.begun_at IS NOT NULL AND o.finished_at IS NULL
        OR EXISTS (SELECT FROM dream_changes AS l
                    WHERE l.workspace = o.workspace AND l.dream = o.id
                      AND l.seq > (SELECT coalesce(max(h.seq), 0) FROM dream_changes AS h
                                    WHERE h.workspace = o.workspace AND h.dream = %(dream)s)))
"""
CHANGES: LiteralString = """
SELECT action, conclusion FROM dream_changes WHERE workspace = %(workspace)s AND dream = %(dream)s
"""
WHOLE: LiteralString = """
SELECT id, observer, observed, level, content, session, times_derived, source_ids, message_ids, premises, occurred_at,
       event_at
  FROM conclusions WHERE workspace = %(workspace)s AND deleted_at IS NULL
"""
CARDS: LiteralString = """
SELECT observer || ' ' || observed AS id, entries FROM peer_cards WHERE workspace = %(workspace)s
"""
FORGETTING: LiteralString = """
SELECT unit FROM work_units WHERE workspace = %(workspace)s AND kind IN ('erase', 'forget')
"""
UNFINISHED_DREAMS: LiteralString = """
SELECT d.id FROM dreams AS d
 WHERE d.workspace = ANY(%(workspaces)s) AND d.finished_at IS NULL
   AND NOT EXISTS (SELECT FROM work_items AS i
                    WHERE i.workspace = d.workspace AND i.unit = 'dream::' || d.observer || ':' || d.observed
                      AND i.seq = d.number AND i.state = 'parked')
"""
LEASE: LiteralString = """
SELECT token, lease_until FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s
"""
FAILURES: LiteralString = """
SELECT failures FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s
"""
PENDING: LiteralString = """
SELECT workspace, unit, due_at, lease_until, error FROM work_units
 WHERE workspace = ANY(%(workspaces)s) AND pending_items > 0
"""

# What rests on conclusions. A source is there and in the same collection; it is hidden only where it was overtaken or
# where a client hid it. A line of a card and a pattern rest on something; no dream says the same twice.
UNFOUNDED: LiteralString = """
SELECT 'unfounded' AS broken, c.content, s.id AS what
  FROM conclusions AS c, unnest(c.source_ids) AS s (id)
  LEFT JOIN conclusions AS p ON p.workspace = ANY(%(workspaces)s) AND p.id = s.id
 WHERE c.workspace = ANY(%(workspaces)s) AND c.deleted_at IS NULL
   AND (p.id IS NULL OR (p.workspace, p.observer, p.observed) <> (c.workspace, c.observer, c.observed)
        OR p.deleted_at IS NOT NULL AND p.id <> ALL(%(deleted)s) AND p.id <> ALL(%(superseded)s))
 UNION ALL
SELECT 'weak', content, level FROM conclusions
 WHERE workspace = ANY(%(workspaces)s) AND deleted_at IS NULL AND level <> 'explicit'
   AND cardinality(source_ids) < CASE WHEN level = 'deductive' THEN 1 ELSE 2 END
 UNION ALL
SELECT 'foreign', c.content, cited.id
  FROM conclusions AS c, unnest(c.message_ids) AS cited (id)
 WHERE c.workspace = ANY(%(workspaces)s) AND c.deleted_at IS NULL AND c.level <> 'explicit'
   AND NOT EXISTS (SELECT FROM conclusions AS p
                    WHERE p.workspace = c.workspace AND p.id = ANY(c.source_ids) AND cited.id = ANY(p.message_ids))
   AND EXISTS (SELECT FROM messages AS m WHERE m.workspace = ANY(%(workspaces)s) AND m.id = cited.id)
 UNION ALL
SELECT 'doubled', content, level FROM conclusions
 WHERE workspace = ANY(%(workspaces)s) AND deleted_at IS NULL AND is_derived
 GROUP BY workspace, observer, observed, coalesce(session, ''), level, content HAVING count(*) > 1
 UNION ALL
SELECT 'baseless', h.line, h.dream FROM dream_changes AS h
 WHERE h.workspace = ANY(%(workspaces)s) AND h.action = 'line_added'
   AND NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = h.workspace AND p.id = ANY(h.source_ids))
 UNION ALL
SELECT 'in another collection', c.content, h.dream
  FROM dream_changes AS h
  JOIN dreams AS d ON d.workspace = h.workspace AND d.id = h.dream
  JOIN conclusions AS c ON c.workspace = h.workspace AND c.id = h.conclusion
 WHERE h.workspace = ANY(%(workspaces)s) AND (c.observer, c.observed) <> (d.observer, d.observed)
 UNION ALL
SELECT 'overtaken by what is older', p.content, s.content
  FROM dream_changes AS h
  JOIN conclusions AS p ON p.workspace = h.workspace AND p.id = h.conclusion
  JOIN conclusions AS s ON s.workspace = h.workspace AND s.id = h.successor
 WHERE h.workspace = ANY(%(workspaces)s) AND h.action = 'superseded' AND NOT h.is_undone
   AND %(is_whole)s
   AND (s.occurred_at < p.occurred_at OR s.level <> 'explicit' AND p.level = 'explicit')
 UNION ALL
SELECT 'orphaned', c.content, m.id FROM conclusions AS c, unnest(c.message_ids) AS m (id)
 WHERE c.workspace = ANY(%(workspaces)s)
   AND NOT EXISTS (SELECT FROM messages AS n WHERE n.workspace = c.workspace AND n.id = m.id)
 UNION ALL
SELECT 'kept of a run', p.dream, p.phase
  FROM dream_checkpoints AS p
  JOIN dreams AS d ON d.workspace = p.workspace AND d.id = p.dream
 WHERE p.workspace = ANY(%(workspaces)s)
   AND (d.finished_at IS NOT NULL OR d.phase <> p.phase
        OR EXISTS (SELECT FROM jsonb_array_elements_text(p.run::jsonb -> 'notes' -> 'shown') AS s (id)
                    WHERE NOT EXISTS (SELECT FROM conclusions AS c WHERE c.workspace = p.workspace AND c.id = s.id)))
 UNION ALL
SELECT 'known from before', f.dream, n.id
  FROM dream_formers AS f,
       LATERAL (SELECT m.id FROM unnest(f.message_ids) AS m (id)
                 WHERE NOT EXISTS (SELECT FROM messages AS k WHERE k.workspace = f.workspace AND k.id = m.id)
                 UNION ALL
                SELECT s.id FROM unnest(f.source_ids) AS s (id)
                 WHERE NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = f.workspace AND p.id = s.id)) AS n
 WHERE f.workspace = ANY(%(workspaces)s)
 UNION ALL
SELECT 'copied from nowhere', c.content, c.copied_from FROM conclusions AS c
 WHERE c.workspace = ANY(%(workspaces)s) AND c.copied_from IS NOT NULL
   AND NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = c.workspace AND p.id = c.copied_from)
"""

# Counters that say something else than a count, and what waits without a time at which it is looked at again: for
# nothing but a gate that is waited for for ever, an erasure that wakes it at its end, or to go with its session.
ASTRAY: LiteralString = """
SELECT u.workspace, u.unit, u.pending_items, u.pending_tokens, u.done_items, u.parked_items, u.due_at
  FROM work_units AS u,
       LATERAL (SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                       coalesce(sum(tokens) FILTER (WHERE state = 'pending'), 0) AS tokens,
                       count(*) FILTER (WHERE state = 'finished') AS done,
                       count(*) FILTER (WHERE state = 'parked') AS parked
                  FROM work_items AS i WHERE i.workspace = u.workspace AND i.unit = u.unit) AS n
 WHERE u.workspace = ANY(%(workspaces)s)
   AND ((u.pending_items, u.pending_tokens, u.done_items, u.parked_items) <> (n.pending, n.tokens, n.done, n.parked)
        OR u.pending_items > 0 AND u.due_at IS NULL AND (u.kind <> 'derive' OR NOT %(is_patient)s)
           AND NOT EXISTS (SELECT FROM work_units AS f
                            WHERE f.workspace = u.workspace AND f.unit <> u.unit
                              AND f.unit IN ('forget:' || u.session || ':', 'erase:' || u.session || ':'))
        OR u.parked_items > 0 AND EXISTS (SELECT FROM work_items AS i
                                           WHERE i.workspace = u.workspace AND i.unit = u.unit
                                             AND i.state = 'parked' AND i.error IS NULL))
 UNION ALL
SELECT workspace, observer || ' ' || observed, concluded, dreamt, 0, 0, NULL
  FROM collections WHERE workspace = ANY(%(workspaces)s) AND dreamt > concluded
"""
