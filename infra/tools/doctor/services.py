"""Database, migrations, queues, vector store and cache: whether they answer, and as what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, LiteralString, cast

import psycopg
from psycopg import errors, sql

from infra.bootstrap import ROOT
from infra.local import template as sam
from infra.local.queues import ACCOUNT
from infra.local.state import StackState
from infra.migrations import apply
from infra.tools.doctor.finding import Finding
from shared.domain.errors import ServiceError
from shared.domain.vector import EmbeddingSpace
from shared.llm.provider import open_embedder
from shared.settings import Settings
from shared.settings.choice import embedding_spec
from shared.settings.sources import Resolved
from shared.store import refusals
from shared.store.database import open_database
from shared.vectors.opening import open_stores
from shared.vectors.spaces import table_names

_PATIENCE_S = 5
_STOPPED = "not running: `python3 -m infra up` starts it"
_QUEUES = ("derive", "summary", "dream", "chores")

_SERVER: LiteralString = """
SELECT current_setting('server_version'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'),
       (SELECT extversion FROM pg_extension WHERE extname = 'vector')
"""
_SPACES: LiteralString = "SELECT model, dimensions FROM embedding_spaces ORDER BY model, dimensions"
# The oldest workspaces show it: those without a choice of their own are read in the space of the settings.
_LEFT: LiteralString = """
SELECT EXISTS (SELECT FROM (SELECT name FROM workspaces ORDER BY created_at, name LIMIT 1000) AS w
                WHERE NOT EXISTS (SELECT FROM workspace_spaces AS s WHERE s.workspace = w.name)
                  AND (EXISTS (SELECT FROM {} AS v WHERE v.workspace = w.name)
                       OR EXISTS (SELECT FROM {} AS v WHERE v.workspace = w.name)))
"""
_TABLE: LiteralString = "SELECT to_regclass(%(name)s) IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where database and queues are: those of a running stack, or those of the settings."""

    dsn: str
    queue_urls: Mapping[str, str]
    sqs_url: str | None
    database_knob: str


def reach_of(found: Resolved, stack: StackState | None) -> Reach | None:
    """The running stack, else what the operator set by name; None when there is neither."""
    if stack is not None:
        names = {logical_id: spec.name for logical_id, spec in sam.load(ROOT / "template.yaml").queues.items()}
        urls = {kind: f"{stack.sqs_url}/{ACCOUNT}/{names[f'{kind.capitalize()}Queue']}" for kind in _QUEUES}
        return Reach(stack.dsn, urls, stack.sqs_url, "`python3 -m infra logs postgres`")
    if ("db", "connection_uri") not in found.given:
        return None
    queue = found.settings.queue
    urls = {kind: cast(str, getattr(queue, f"{kind}_url")) for kind in _QUEUES}
    return Reach(found.settings.db.dsn, urls, None, found.given["db", "connection_uri"].name)


def examine_services(settings: Settings, reach: Reach | None) -> Iterator[Finding]:
    """A line for each."""
    if reach is None:
        yield from (Finding(subject, "stopped", _STOPPED) for subject in ("database", "migrations", "queues"))
    else:
        yield from _database(reach)
        yield _queues(reach)
    yield _vector_store(settings, reach)
    yield _cache(settings)


def _database(reach: Reach) -> Iterator[Finding]:
    started = monotonic()
    try:
        with psycopg.connect(reach.dsn, connect_timeout=_PATIENCE_S, options=_bounded()) as conn:
            row = conn.execute(_SERVER).fetchone()
    except psycopg.Error as error:
        yield Finding("database", "problem", f"{_why(error)}: see {reach.database_knob}")
        yield Finding("migrations", "off", "not known without the database")
        return
    server, available, installed = cast(tuple[str, str | None, str | None], row)
    took = f"{(monotonic() - started) * 1000:.0f} ms"
    if installed or available:
        pgvector = f"pgvector {installed}" if installed else f"pgvector {available} available"
        yield Finding("database", "ok", f"PostgreSQL {server.split()[0]}, {pgvector}, {took}")
    else:
        yield Finding(
            "database", "problem", f"PostgreSQL {server} without pgvector: install it, or see DB_CONNECTION_URI"
        )
    yield _migrations(reach)


def _migrations(reach: Reach) -> Finding:
    newest = apply.newest()
    try:
        current = apply.current(reach.dsn)
    except psycopg.Error as error:
        return Finding("migrations", "problem", f"{_why(error)}: see {reach.database_knob}")
    if current == newest:
        return Finding("migrations", "ok", f"at {newest}, the newest")
    how = "`python3 -m infra down` and `up` bring it up to date" if reach.sqs_url else "invoke the function Migrate"
    return Finding("migrations", "problem", f"at {current or 'none'}, but {newest} is the newest: {how}")


def _queues(reach: Reach) -> Finding:
    from botocore.exceptions import BotoCoreError, ClientError

    unset = [f"QUEUE_{kind.upper()}_URL" for kind, url in reach.queue_urls.items() if not url]
    if unset:
        return Finding("queues", "problem", f"{' and '.join(unset)} must be set, as template.yaml does")
    client = _sqs(reach)
    waiting: list[str] = []
    for kind, url in reach.queue_urls.items():
        try:
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        except ClientError as error:
            code = cast(dict[str, dict[str, str]], error.response).get("Error", {}).get("Code", "an error")
            return Finding(
                "queues", "problem", f"{kind} answers {code.rpartition('.')[2]}: see QUEUE_{kind.upper()}_URL"
            )
        except BotoCoreError as error:
            return Finding("queues", "problem", f"{kind}: {type(error).__name__}: see QUEUE_{kind.upper()}_URL")
        waiting.append(f"{kind} {found['Attributes']['ApproximateNumberOfMessages']}")
    return Finding("queues", "ok", f"waiting: {', '.join(waiting)}")


def _sqs(reach: Reach) -> Any:
    import boto3
    from botocore.config import Config

    patience = Config(connect_timeout=_PATIENCE_S, read_timeout=_PATIENCE_S, retries={"total_max_attempts": 1})
    # The local queues ask for a signature and do not look at it; real credentials must not travel there.
    local = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
    here = {"endpoint_url": reach.sqs_url, **local} if reach.sqs_url else {}
    return cast(Any, boto3).client("sqs", config=patience, **here)


def _vector_store(settings: Settings, reach: Reach | None) -> Finding:
    kind = settings.vector_store.type
    if kind != "pgvector":
        return _external(settings)
    if reach is None:
        return Finding("vector store", "stopped", "pgvector: in the database, which is not running")
    try:
        space = open_embedder(embedding_spec(settings)).space
        with psycopg.connect(reach.dsn, connect_timeout=_PATIENCE_S, options=_bounded()) as conn:
            return _spaces(conn, space)
    except ServiceError as error:
        return Finding("vector store", "problem", str(error))
    except errors.UndefinedTable:
        return Finding("vector store", "problem", "pgvector: its tables come with the migrations")
    except psycopg.Error as error:
        return Finding("vector store", "problem", f"pgvector: {_why(error)}: see {reach.database_knob}")


def _external(settings: Settings) -> Finding:
    kind = settings.vector_store.type
    try:
        space = open_embedder(embedding_spec(settings)).space
        namespace = settings.namespace("vector_store")
        stores = open_stores(settings.vector_store, namespace, open_database(settings.db), lambda: space)
        index, started = stores.external or stores.postgres, monotonic()
        index.held_conclusions("doctor", ["nothing"])
    except ServiceError as error:
        return Finding("vector store", "problem", f"{kind}: {error}")
    written = "it alone" if stores.is_migrated else "beside pgvector, which is read (VECTOR_STORE_MIGRATED=false)"
    return Finding("vector store", "ok", f"{kind} answers in {(monotonic() - started) * 1000:.0f} ms; {written}")


def _spaces(conn: psycopg.Connection[Any], space: EmbeddingSpace) -> Finding:
    rows = [(str(model), int(dimensions)) for model, dimensions in conn.execute(_SPACES).fetchall()]
    others = [
        f"{model} ({dimensions})"
        for model, dimensions in rows
        if (model, dimensions) != (space.model, space.dimensions)
    ]
    besides = f"; also {', '.join(others)}" if others else ""
    named = f"{space.model} ({space.dimensions} dimensions)"
    (is_there,) = conn.execute(_TABLE, {"name": table_names(space).conclusions}).fetchone() or (False,)
    for model, dimensions in rows:
        if (model, dimensions) != (space.model, space.dimensions) and _is_read_elsewhere(conn, model, dimensions):
            said = f"workspaces have their vectors in {model} ({dimensions}), the settings say {named}"
            return Finding(
                "vector store", "problem", f"{said}: 'reindex --all' brings them over, or LLM_EMBEDDING_MODEL"
            )
    if is_there:
        return Finding("vector store", "ok", f"pgvector: {named}{besides}")
    return Finding(
        "vector store", "problem", f"pgvector has no tables for {named}: start anew, or LLM_EMBEDDING_MODEL{besides}"
    )


def _is_read_elsewhere(conn: psycopg.Connection[Any], model: str, dimensions: int) -> bool:
    """Whether workspaces that are read in the space of the settings have vectors in this one."""
    left = table_names(EmbeddingSpace(model, dimensions))
    statement = sql.SQL(_LEFT).format(sql.Identifier(left.conclusions), sql.Identifier(left.messages))
    (is_left,) = conn.execute(statement).fetchone() or (False,)
    return bool(is_left)


def _cache(settings: Settings) -> Finding:
    cache = settings.cache
    if not cache.enabled:
        return Finding("cache", "off", "CACHE_ENABLED is false")
    from redis import RedisError

    from shared.cache.redis_cache import open_redis

    started = monotonic()
    try:
        with open_redis(cache.url.get_secret_value(), is_cluster=cache.cluster, timeout=_PATIENCE_S) as client:
            cast(Any, client).ping()
    except (RedisError, OSError) as error:
        return Finding("cache", "problem", f"does not answer ({type(error).__name__}): see CACHE_URL")
    return Finding("cache", "ok", f"answered in {(monotonic() - started) * 1000:.0f} ms")


def _bounded() -> str:
    return f"-c statement_timeout={_PATIENCE_S * 1000}"


def _why(error: psycopg.Error) -> str:
    """What went wrong, without the address, which may hold a password."""
    if reason := refusals.reason_of(error):
        return reason
    if error.sqlstate:
        return f"refused ({type(error).__name__})"
    return "does not answer" if isinstance(error, errors.ConnectionTimeout) else "cannot be reached"
