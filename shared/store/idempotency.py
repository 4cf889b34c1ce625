"""Keys of requests: claimed before the effect, answered in the transaction of the effect, kept for a day.

A claim without an answer has changed nothing that is committed: whoever finds its lease ended may take it over, and
the token fences off the one that comes back from the dead.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.retry import KeptAnswer, KeyedRequest
from shared.store.database import Connection

CLAIM: LiteralString = """
INSERT INTO idempotency_keys AS k (workspace, caller, key, fingerprint, token, lease_until, expires_at)
VALUES (%(workspace)s, %(caller)s, %(key)s, %(fingerprint)s, %(token)s, %(lease_until)s, %(expires_at)s)
    ON CONFLICT (workspace, caller, key) DO UPDATE
   SET fingerprint = EXCLUDED.fingerprint, token = EXCLUDED.token, lease_until = EXCLUDED.lease_until,
       expires_at = EXCLUDED.expires_at, status = NULL, body = NULL, mentions = '{}'
 WHERE k.expires_at <= %(now)s
    OR (k.status IS NULL AND k.fingerprint = EXCLUDED.fingerprint
        AND (k.lease_until <= %(now)s OR k.token = EXCLUDED.token))
RETURNING true
"""


def claim(
    conn: Connection, request: KeyedRequest, *, now: datetime, lease_until: datetime, expires_at: datetime
) -> bool:
    """Take the key for this request; False when it is another's, or was answered: `find` says which."""
    values = {**_names(request), "fingerprint": request.fingerprint, "token": request.token}
    times = {"now": now, "lease_until": lease_until, "expires_at": expires_at}
    return conn.execute(CLAIM, {**values, **times}).fetchone() is not None


FIND: LiteralString = """
SELECT fingerprint, token, status, body
  FROM idempotency_keys
 WHERE workspace = %(workspace)s AND caller = %(caller)s AND key = %(key)s
"""


def find(conn: Connection, request: KeyedRequest) -> tuple[str, KeptAnswer | None] | None:
    """The fingerprint that the key stands for, and the answer if there is one; None when nobody holds the key."""
    row = conn.execute(FIND, _names(request)).fetchone()
    if row is None:
        return None
    fingerprint, token, status, body = row
    return fingerprint, None if status is None else KeptAnswer(status, body, token)


ANSWER: LiteralString = """
UPDATE idempotency_keys
   SET status = %(status)s, body = %(body)s, mentions = %(mentions)s
 WHERE workspace = %(workspace)s AND caller = %(caller)s AND key = %(key)s AND token = %(token)s AND status IS NULL
"""


def answer(conn: Connection, request: KeyedRequest, kept: KeptAnswer, mentions: Sequence[tuple[str, str]]) -> bool:
    """Keep the answer, in the transaction of the effect; False when the key is no longer this run's to answer.

    `mentions` are the kinds and names of what the answer shows.
    """
    values = {"status": kept.status, "body": kept.body, "mentions": _places(request.workspace, mentions)}
    return conn.execute(ANSWER, {**_names(request), "token": request.token, **values}).rowcount == 1


RELEASE: LiteralString = """
DELETE FROM idempotency_keys
 WHERE workspace = %(workspace)s AND caller = %(caller)s AND key = %(key)s AND token = %(token)s AND status IS NULL
"""


def release(conn: Connection, request: KeyedRequest) -> None:
    """Let go of a claim that came to nothing, so that the next request with the key need not wait for its lease.

    Waits for a transaction that is about to answer it, and then leaves it alone.
    """
    conn.execute(RELEASE, {**_names(request), "token": request.token})


EXPIRED: LiteralString = """
DELETE FROM idempotency_keys
 WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys
        WHERE expires_at <= %(now)s
        ORDER BY expires_at
        LIMIT %(most)s
          FOR UPDATE SKIP LOCKED))
"""


def purge_expired(conn: Connection, *, now: datetime, most: int) -> int:
    """Delete at most `most` keys that nobody can repeat any more, the oldest first; gives how many."""
    return conn.execute(EXPIRED, {"now": now, "most": most}).rowcount


# The key stays taken: the request that comes again must not make anew what was erased or forgotten.
ERASE: LiteralString = """
UPDATE idempotency_keys
   SET status = 404, body = '{"detail": "what this request made was erased"}', mentions = '{}'
 WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys
        WHERE workspace = %(workspace)s AND mentions && %(mentions)s::text[]
        LIMIT %(most)s))
"""


def erase(conn: Connection, workspace: str, mentions: Sequence[tuple[str, str]], *, most: int) -> bool:
    """Replace at most `most` answers that show any of these kinds and names by a 404; True when there may be more.

    Kinds are `session`, `peer`, `message`, `conclusion`, and whatever else routes answer with.
    """
    values = {"workspace": workspace, "mentions": _places(workspace, mentions), "most": most}
    return conn.execute(ERASE, values).rowcount == most


def _names(request: KeyedRequest) -> dict[str, object]:
    return {"workspace": request.workspace, "caller": request.caller, "key": request.key}


def _places(workspace: str, mentions: Sequence[tuple[str, str]]) -> list[str]:
    # With the workspace in each, so that the index of one tenant's names holds nothing of another's.
    return sorted({f"{workspace}/{kind}/{name}" for kind, name in mentions})
