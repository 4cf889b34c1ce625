"""Sections about where things are kept: Postgres, cache, vectors, queues."""

from typing import Annotated, Literal
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr

from shared.settings.section import Count, Section, setting


class DbSettings(Section):
    """How Postgres is reached."""

    connection_uri: SecretStr = setting(
        SecretStr("postgresql+psycopg://postgres:postgres@localhost:5432/postgres"), "address, role and password"
    )
    password: SecretStr | None = setting(None, "of the role, when the address has none: a secret of its own")
    app_password: SecretStr | None = setting(
        None, "of the role `app`, which the migrations of a deploy then make or change; no other function needs it"
    )
    # `schema` itself is a method of pydantic models.
    db_schema: str = setting("public", "where the tables are", alias="schema")
    pool_class: Literal["default", "null"] = setting("default", "null: a new connection each time")
    pool_pre_ping: bool = setting(True, "ask a connection that rested whether it is alive before it is used")
    pool_size: Annotated[int, Field(ge=1, le=1000)] = setting(10, "connections that a process keeps")
    max_overflow: Annotated[int, Field(ge=0, le=1000)] = setting(20, "more of them under load, closed after use")
    pool_timeout: Annotated[int, Field(ge=1, le=300)] = setting(30, "seconds to wait for a connection to be free")
    pool_recycle: Annotated[int, Field(ge=1, le=7200)] = setting(300, "seconds after which a connection is replaced")
    pool_use_lifo: bool = setting(True, "take the one used last, so that the others may rest and end")
    sql_debug: bool = setting(False, "log each statement, without its values")
    tracing: bool = setting(False, "tell Postgres with each connection which request or work it serves")
    connect_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = setting(5, "for one attempt")
    pipeline: bool = setting(True, "let statements that belong together travel together")
    # Behind a transaction-pooling proxy prepared statements pin the connection.
    prepare_threshold: Annotated[int, Field(ge=0)] | None = setting(
        None, "uses of a statement before it is prepared; not set: never, as proxies need"
    )

    @property
    def dsn(self) -> str:
        """The address as psycopg reads it, with the password and without SQLAlchemy's driver suffix."""
        plain = self.connection_uri.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1)
        if self.password is None:
            return plain
        parts = urlsplit(plain)
        role, _, hosts = parts.netloc.rpartition("@")
        password = quote(self.password.get_secret_value(), safe="")
        return urlunsplit(parts._replace(netloc=f"{role}:{password}@{hosts}"))

    @property
    def has_two_passwords(self) -> bool:
        """Whether the address holds one already, which then would be the one that counts."""
        parts = urlsplit(self.connection_uri.get_secret_value())
        in_address = ":" in parts.netloc.rpartition("@")[0] or "password" in parse_qs(parts.query)
        return self.password is not None and in_address


class CacheSettings(Section):
    """A cache in Redis or Valkey; off means that nothing is cached across requests."""

    enabled: bool = setting(False, "whether it is asked at all")
    url: SecretStr = setting(SecretStr("redis://localhost:6379/0?suppress=true"), "address, with its password")
    namespace: str | None = setting(None, "starts every key; [app] namespace when not set")
    cluster: bool = setting(False, "speak the cluster protocol")
    default_ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = setting(300, "for how long a value is believed")
    default_lock_ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = setting(
        5, "for how long one reader may keep others from reading the same row"
    )
    lock_wait_check_interval_seconds: Annotated[float, Field(gt=0, le=5)] = setting(0.1, "how often those look again")


class VectorStoreSettings(Section):
    """Where vectors live."""

    type: Literal["pgvector", "turbopuffer", "lancedb"] = setting("pgvector", "pgvector, turbopuffer or lancedb")
    migrated: bool = setting(False, "true: only the external store is written and read; false: both are written")
    namespace: str | None = setting(None, "starts every external name; [app] namespace when not set")
    dimensions: Count = setting(1536, "of the embedding model; also EMBEDDING_VECTOR_DIMENSIONS")
    turbopuffer_api_key: SecretStr | None = setting(None, "needed when type is turbopuffer")
    turbopuffer_region: str | None = setting(None, "such as aws-us-east-1; gcp-us-east4 when not set")
    turbopuffer_base_url: str | None = setting(None, "instead of the region's own address")
    turbopuffer_text: bool = setting(False, "send the texts of messages along, to be searched there by words (BM25)")
    lancedb_path: str = setting("./lancedb_data", "a folder, or an address that LanceDB knows, such as s3://...")
    reconciliation_interval_seconds: Count = setting(
        300, "until what a store refuses is tried again; twice that the next time, up to a day"
    )


class TickSettings(Section):
    """How tick is brought where no rate brings it, so that the database may sleep in between."""

    schedule: str = setting("", "the one-time schedule to move, set by the template; empty: tick comes each minute")
    schedule_group: str = setting("default", "the group of EventBridge Scheduler that it is in")


class QueueSettings(Section):
    """The SQS queues, one per kind of work, and how long their messages stay invisible to others."""

    derive_url: str = setting("", "set by the template")
    summary_url: str = setting("", "set by the template")
    dream_url: str = setting("", "set by the template")
    chores_url: str = setting("", "set by the template")
    visibility_seconds: Count = setting(540, "of the queues: six times the longest function but the dream's")
    lease_seconds: Count = setting(90, "for which a worker holds the work it took")
