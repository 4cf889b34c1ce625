"""Calls of models: noted once each, summed for the usage report, and rolled up by day when they are old."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.json import Json, JsonObject
from shared.domain.usage import Grouping, ModelCall, Tokens, Totals
from shared.store.database import Connection

_COLUMNS: LiteralString = (
    "id, run, at, feature, provider, model, outcome, error, input_tokens, cached_tokens, cache_write_tokens,"
    " output_tokens, thinking_tokens, latency_ms, usd"
)
GIVEN: LiteralString = """
jsonb_to_recordset(%(calls)s::jsonb) AS c (
    id text, run text, at timestamptz, feature text, provider text, model text, outcome text, error text,
    input_tokens bigint, cached_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
    thinking_tokens bigint, latency_ms bigint, usd numeric)
"""
# A part of a statement: whatever writes what the calls were for notes them on the same trip. A call has its own id,
# so that a second time does nothing.
NOTED: LiteralString = f"""
noted AS (
    INSERT INTO model_calls (workspace, {_COLUMNS})
    SELECT %(workspace)s, {_COLUMNS} FROM {GIVEN}
        ON CONFLICT (workspace, id) DO NOTHING
 RETURNING id, usd)
"""


# A reader must not wait for the disk: what a crash of the database forgets here is a question's embedding.
_NOTED_SOON: LiteralString = f"""
WITH hurry AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS is_off),
noted AS (
    INSERT INTO model_calls (workspace, {_COLUMNS})
    SELECT %(workspace)s, {_COLUMNS} FROM hurry, {GIVEN} WHERE hurry.is_off = 'off'
        ON CONFLICT (workspace, id) DO NOTHING)
"""


def riding(
    statement: LiteralString, values: dict[str, object], made: Sequence[ModelCall]
) -> tuple[LiteralString, dict[str, object]]:
    """A SELECT that is given its workspace, and its values, with the calls of `made` noted on the same trip."""
    return (_NOTED_SOON + statement, {**values, "calls": given(made)}) if made else (statement, values)


def given(calls: Sequence[ModelCall]) -> str:
    """The parameter `calls` of a statement that notes them."""
    return json.dumps([_row(call) for call in calls])


def _row(call: ModelCall) -> JsonObject:
    counted: dict[str, Json] = {
        "input_tokens": call.tokens.input,
        "cached_tokens": call.tokens.cached,
        "cache_write_tokens": call.tokens.cache_write,
        "output_tokens": call.tokens.output,
        "thinking_tokens": call.tokens.thinking,
        "latency_ms": call.latency_ms,
    }
    return {
        "id": call.id,
        "run": call.run,
        "at": call.at.isoformat(),
        "feature": call.feature,
        "provider": call.provider,
        "model": call.model,
        "outcome": call.outcome,
        "error": call.error,
        # As text: a float would not be what was computed.
        "usd": None if call.usd is None else str(call.usd),
        **counted,
    }


NOTE: LiteralString = f"WITH {NOTED} SELECT count(*) FROM noted"


def note(conn: Connection, workspace: str, calls: Sequence[ModelCall]) -> None:
    """Note the calls that are not noted yet."""
    conn.execute(NOTE, {"workspace": workspace, "calls": given(calls)})


_SUMS: LiteralString = """
sum(calls)::bigint, sum(failed_calls)::bigint, sum(unpriced_calls)::bigint, sum(input_tokens)::bigint,
       sum(cached_tokens)::bigint, sum(cache_write_tokens)::bigint, sum(output_tokens)::bigint,
       sum(thinking_tokens)::bigint, sum(latency_ms)::bigint, sum(usd)
"""
_SINGLE: LiteralString = """
1 AS calls, (outcome <> 'answered')::int AS failed_calls, (usd IS NULL)::int AS unpriced_calls, input_tokens,
               cached_tokens, cache_write_tokens, output_tokens, thinking_tokens, latency_ms, coalesce(usd, 0) AS usd
"""
# An operator may ask for all workspaces at once: then `workspace` is null.
USED: LiteralString = f"""
SELECT CASE %(by)s WHEN 'day' THEN day::text WHEN 'feature' THEN feature ELSE provider || '/' || model END AS grp,
       provider || '/' || model AS name,
       {_SUMS}
  FROM (SELECT (at AT TIME ZONE 'UTC')::date AS day, feature, provider, model,
               {_SINGLE}
          FROM model_calls
         WHERE (%(workspace)s::text IS NULL OR workspace = %(workspace)s) AND at >= %(since)s AND at < %(until)s
         UNION ALL
        SELECT day, feature, provider, model, calls, failed_calls, unpriced_calls, input_tokens,
               cached_tokens, cache_write_tokens, output_tokens, thinking_tokens, latency_ms, usd
          FROM usage_days
         WHERE (%(workspace)s::text IS NULL OR workspace = %(workspace)s)
           AND day >= (%(since)s AT TIME ZONE 'UTC')::date AND day < (%(until)s AT TIME ZONE 'UTC')::date) AS used
 GROUP BY 1, 2
 ORDER BY 1, 2
"""


def used(
    conn: Connection, workspace: str | None, *, since: datetime, until: datetime, by: Grouping
) -> list[tuple[str, str, Totals]]:
    """Group, model and sums of the calls from `since` until before `until`. Days rolled up count as a whole."""
    values = {"workspace": workspace, "since": since, "until": until, "by": by}
    return [
        (group, name, Totals(calls, failed, unpriced, Tokens(*counted), latency_ms, usd))
        for group, name, calls, failed, unpriced, *counted, latency_ms, usd in conn.execute(USED, values)
    ]


# One statement moves them, so that each counts once whenever somebody looks.
ROLL_UP: LiteralString = f"""
WITH gone AS (
    DELETE FROM model_calls
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM model_calls WHERE at < %(before)s ORDER BY at LIMIT %(most)s))
 RETURNING *),
rolled AS (
    INSERT INTO usage_days AS d
           (workspace, day, feature, provider, model, calls, failed_calls, unpriced_calls, input_tokens, cached_tokens,
            cache_write_tokens, output_tokens, thinking_tokens, latency_ms, usd)
    SELECT workspace, day, feature, provider, model, {_SUMS}
      FROM (SELECT workspace, (at AT TIME ZONE 'UTC')::date AS day, feature, provider, model,
               {_SINGLE}
              FROM gone) AS single
     GROUP BY workspace, day, feature, provider, model
     ORDER BY workspace, day, feature, provider, model
        ON CONFLICT (workspace, day, feature, provider, model) DO UPDATE
       SET calls = d.calls + EXCLUDED.calls, failed_calls = d.failed_calls + EXCLUDED.failed_calls,
           unpriced_calls = d.unpriced_calls + EXCLUDED.unpriced_calls,
           input_tokens = d.input_tokens + EXCLUDED.input_tokens,
           cached_tokens = d.cached_tokens + EXCLUDED.cached_tokens,
           cache_write_tokens = d.cache_write_tokens + EXCLUDED.cache_write_tokens,
           output_tokens = d.output_tokens + EXCLUDED.output_tokens,
           thinking_tokens = d.thinking_tokens + EXCLUDED.thinking_tokens,
           latency_ms = d.latency_ms + EXCLUDED.latency_ms, usd = d.usd + EXCLUDED.usd)
SELECT count(*) FROM gone
"""


def roll_up(conn: Connection, *, before: datetime, most: int) -> int:
    """Put at most `most` of the oldest calls from before a midnight into the sums of their days; gives how many."""
    row = conn.execute(ROLL_UP, {"before": before, "most": most}).fetchone()
    return int(row[0]) if row else 0
