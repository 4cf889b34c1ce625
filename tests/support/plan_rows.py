"""As many rows as it takes for a plan to show what it is worth: one workspace that holds nearly all of them."""

from typing import LiteralString

FILL: LiteralString = """
INSERT INTO workspaces (name, uid) SELECT 'w' || n, n FROM generate_series(1, 300) AS n;
INSERT INTO peers (workspace, name, uid) SELECT 'w1', 'p' || n, n FROM generate_series(1, 2000) AS n;
INSERT INTO sessions (workspace, name, uid, last_seq) SELECT 'w1', 's' || n, n, 40 FROM generate_series(1, 2000) AS n;
UPDATE sessions SET last_seq = 10000 WHERE name = 's1';
INSERT INTO members (workspace, session, peer) SELECT 'w1', 's' || n, 'p' || p
  FROM generate_series(1, 2000) AS n, generate_series(1, 4) AS p;
INSERT INTO messages (workspace, session, seq, id, peer, content, token_count, is_reasoned)
SELECT 'w1', 's1', n, 'm' || n, 'p' || n % 4 + 1, 'word', 10, true FROM generate_series(1, 10000) AS n;
INSERT INTO messages (workspace, session, seq, id, peer, content, token_count, is_reasoned)
SELECT 'w1', 's' || n, seq, 'm' || n || '-' || seq, 'p1', 'word', 10, true
  FROM generate_series(2, 500) AS n, generate_series(1, 20) AS seq;
INSERT INTO work_units (workspace, unit, kind, session, observed, pending_items, pending_tokens, due_at)
SELECT 'w1', 'derive:s' || n || ':p' || p, 'derive', 's' || n, 'p' || p, 5, 50,
       timestamptz '2031-01-01' + n * interval '1 second'
  FROM generate_series(1, 2000) AS n, generate_series(1, 3) AS p;
INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, observers, state, created_at, finished_at)
SELECT workspace, unit, n, n, 'm' || n, 10, '{p1}', CASE WHEN n > 35 THEN 'pending' ELSE 'finished' END,
       '2031-01-01', '2031-01-01'
  FROM work_units, generate_series(1, 40) AS n WHERE session ~ '^s[1-9]?[0-9]?[0-9]$';
INSERT INTO work_windows (workspace, unit, first_seq, last_seq, items, token, model, input_tokens, output_tokens,
                          conclusions, committed_at)
SELECT workspace, unit, n * 5 + 100, n * 5 + 104, 5, 't', 'm', 1, 1, 1, '2031-01-01'
  FROM work_units, generate_series(0, 6) AS n;
INSERT INTO conclusions (workspace, id, observer, observed, session, level, content, content_hash, is_derived,
                         times_derived, message_ids, occurred_at, created_at, indexed_at)
SELECT 'w1', 'c' || n, 'p' || n % 5 + 1, 'p' || n % 5 + 1, 's' || n % 100 + 1, 'explicit', 'text ' || n, 'hash' || n,
       true, n % 7, '{m1}', '2031-01-01', timestamptz '2031-01-01' + n * interval '1 second', '2031-01-01'
  FROM generate_series(1, 20000) AS n;
INSERT INTO vector_removals (workspace, conclusion, due_at)
SELECT 'w1', 'c' || n, timestamptz '2031-05-06' + n * interval '1 second' FROM generate_series(1, 20000) AS n;
INSERT INTO idempotency_keys (workspace, caller, key, fingerprint, token, lease_until, expires_at, status, mentions)
SELECT 'w1', 'somebody', 'k' || n, 'f', 't', '2031-01-01', timestamptz '2031-05-06 06:59+0' + n * interval '1 second',
       201, ARRAY['w1/session/s' || n % 2000]
  FROM generate_series(1, 20000) AS n;
INSERT INTO unanswered_batches (workspace, session, fingerprint, run, message_ids, lease_until, expires_at)
SELECT 'w1', 's' || n % 2000 + 1, 'f' || n, 'r1', '{m1}', '2031-05-06', '2031-05-07' FROM generate_series(1, 9000) AS n;
INSERT INTO collections (workspace, observer, observed, concluded, due_at)
SELECT 'w1', 'p' || n, 'p' || m, 60, CASE WHEN n % 100 = 0 THEN timestamptz '2031-01-01' + n * interval '1 second' END
  FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS m;
INSERT INTO dreams (workspace, observer, observed, number, id, kind, cause, phase, requested_at)
SELECT 'w1', 'p' || n, 'p1', 7, 'd' || n, 'omni', 'manual', 'done', timestamptz '2031-01-01' + n * interval '1 second'
  FROM generate_series(1, 2000) AS n;
INSERT INTO dream_checkpoints (workspace, dream, phase, made_by, run, saved_at)
SELECT 'w1', 'd' || n, 'done', 'm', '{}', '2031-01-01' FROM generate_series(2, 2000) AS n;
INSERT INTO dream_changes (workspace, dream, place, action, conclusion, successor, line, source_ids, changed_at)
SELECT 'w1', 'd' || n, m, CASE WHEN m = 1 THEN 'line_added' ELSE 'superseded' END, 'c' || n * 5 + m,
       CASE WHEN m > 1 THEN 'c' || n END, CASE WHEN m = 1 THEN 'x' END, ARRAY['c' || n + m], '2031-01-01'
  FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS m;
INSERT INTO dream_formers (workspace, dream, place, conclusion, times_derived, occurred_at, source_ids, message_ids,
                           premises)
SELECT 'w1', 'd' || n, 2, 'c' || n * 5 + 2, 1, '2031-01-01', ARRAY['c' || n], ARRAY['m' || n], '{}'
  FROM generate_series(1, 2000) AS n;
INSERT INTO model_calls (workspace, id, run, at, feature, provider, model, outcome, input_tokens, cached_tokens,
                         cache_write_tokens, output_tokens, thinking_tokens, latency_ms, usd)
SELECT 'w' || n % 30 + 1, 'call' || n, 'r' || n % 5000, timestamptz '2031-05-06' - n * interval '5 minutes', 'derive',
       'p', 'm', 'answered', 10, 0, 0, 10, 0, 100, 0.01
  FROM generate_series(1, 30000) AS n;
INSERT INTO usage_days (workspace, day, feature, provider, model, calls, failed_calls, unpriced_calls, input_tokens,
                        cached_tokens, cache_write_tokens, output_tokens, thinking_tokens, latency_ms, usd)
SELECT 'w' || n % 30 + 1, date '2031-01-01' - n, 'derive', 'p', 'm', 1, 0, 0, 10, 0, 0, 10, 0, 100, 0.01
  FROM generate_series(1, 9000) AS n;
INSERT INTO budgets (workspace, hard_per_month, updated_at) SELECT 'w' || n, 9, '2031-01-01'
  FROM generate_series(1, 9000) AS n;
INSERT INTO spending (workspace, day, day_usd, month, month_usd, reserved_usd)
SELECT 'w' || n, '2031-05-06', 1, '2031-05-01', 1, 1 FROM generate_series(1, 9000) AS n;
INSERT INTO reservations (workspace, id, usd, expires_at)
SELECT 'w' || n % 3000 + 1, 'call' || n, 0.01, timestamptz '2031-05-06 06:59+00' + n * interval '1 second'
  FROM generate_series(1, 9000) AS n;
INSERT INTO peer_cards (workspace, observer, observed, entries, updated_at)
SELECT 'w1', 'p' || n, 'p' || m, '{a}', '2031-01-01' FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS m;
INSERT INTO summaries (workspace, session, kind, content, message_id, covered_seq, token_count, created_at)
SELECT 'w1', 's' || n, 'short', 'x', 'm', 1, 1, '2031-01-01' FROM generate_series(1, 2000) AS n;
INSERT INTO webhooks (workspace, id, url, created_at)
SELECT 'w' || n % 300 + 1, 'h' || n, 'u' || n, '2031-01-01' FROM generate_series(0, 2999) AS n;
UPDATE webhooks SET workspace = 'w1' WHERE id = 'h1';
INSERT INTO webhook_events (workspace, webhook, id, type, data, created_at)
SELECT workspace, id, id || '-' || m, 'test.event', '{}', '2031-01-01' FROM webhooks, generate_series(1, 5) AS m;
INSERT INTO message_search (workspace, message_id, document)
SELECT workspace, id, to_tsvector('simple', content) FROM messages;
INSERT INTO term_stats (workspace, term, df) SELECT 'w1', 't' || n, 1 FROM generate_series(1, 20000) AS n;
"""
