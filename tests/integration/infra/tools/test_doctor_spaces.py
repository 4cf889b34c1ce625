"""What the doctor says of vectors that the settings lead away from."""

from datetime import UTC, datetime

import psycopg

from infra.migrations.apply import ensure_space
from infra.tools.doctor.services import _spaces  # pyright: ignore[reportPrivateUsage]  # its line, without a stack
from shared.domain.vector import EmbeddingSpace
from shared.vectors.spaces import table_names

FORMER, NEXT = EmbeddingSpace("openai/small", 3), EmbeddingSpace("openai/large", 3)


def test_doctor_tells_of_workspaces_whose_vectors_are_in_another_space_than_the_settings(owner_dsn: str):
    for space in (FORMER, NEXT):
        ensure_space(owner_dsn, space)
    with psycopg.connect(owner_dsn) as conn:
        conn.execute(
            "INSERT INTO workspaces (name, uid, created_at) VALUES ('w', 'w', %s)", (datetime(2031, 1, 1, tzinfo=UTC),)
        )
        assert _spaces(conn, NEXT).status == "ok"
        conn.execute(
            f"INSERT INTO {table_names(FORMER).messages} VALUES ('w', 'm', 0, 's', 'ada', '[1,0,0]')"  # pyright: ignore
        )
        finding = _spaces(conn, NEXT)
        assert finding.status == "problem"
        assert "openai/small (3), the settings say openai/large (3 dimensions): 'reindex --all'" in finding.text
        conn.execute(
            "INSERT INTO workspace_spaces (workspace, model, dimensions, state) VALUES ('w', %s, 3, 'settled')",
            (FORMER.model,),
        )
        assert _spaces(conn, NEXT).status == "ok"
        conn.rollback()
