"""Which embedding spaces a workspace reads and writes, where it has or had to change its model.

Nothing is lost on the way because of the order of things. A writer puts a vector into the space it was made in, and
reads the choice after that: what is in force then and was not written, it writes. So whoever begins to fill another
space finds in the rows whatever a writer did not know of, and may pass each row once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString, TypeAlias

from psycopg.rows import TupleRow

from shared.domain.vector import EmbeddingSpace
from shared.store.database import Connection

ChoiceState: TypeAlias = Literal["filling", "switched", "leaving", "settled"]


@dataclass(frozen=True, slots=True)
class Filling:
    """How far the pass over a workspace's rows has come."""

    conclusions_until: str
    messages_until: str
    is_filled: bool
    filled: int
    lapses: int
    lapses_before: int


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """`read` is searched. `second` is the next space while it is filled, then the former one until it is left."""

    workspace: str
    read: EmbeddingSpace
    second: EmbeddingSpace | None
    state: ChoiceState
    filling: Filling
    switched_at: datetime | None

    @property
    def beside(self) -> EmbeddingSpace | None:
        """The space that is written besides the one that is read."""
        return self.second if self.state in ("filling", "switched") else None


_COLUMNS: LiteralString = """workspace, model, dimensions, second_model, second_dimensions, state, conclusions_until,
       messages_until, is_filled, filled, lapses, lapses_before, switched_at"""

GET: LiteralString = f"SELECT {_COLUMNS} FROM workspace_spaces WHERE workspace = %(workspace)s"


def get(conn: Connection, workspace: str) -> SpaceChoice | None:
    """None where the space is that of the settings."""
    return _choice(conn.execute(GET, {"workspace": workspace}).fetchone())


SOME: LiteralString = f"SELECT {_COLUMNS} FROM workspace_spaces ORDER BY workspace LIMIT %(most)s"


def some(conn: Connection, *, most: int) -> list[SpaceChoice]:
    """Of any workspaces, at most so many, by name."""
    return [choice for row in conn.execute(SOME, {"most": most}) if (choice := _choice(row))]


# One that is settled already keeps the space it reads, whatever the settings say.
BEGIN: LiteralString = f"""
INSERT INTO workspace_spaces AS s
       (workspace, model, dimensions, second_model, second_dimensions, state)
SELECT name, %(model)s, %(dimensions)s, %(second_model)s, %(second_dimensions)s, 'filling'
  FROM workspaces
 WHERE name = %(workspace)s
    ON CONFLICT (workspace) DO UPDATE
   SET second_model = EXCLUDED.second_model, second_dimensions = EXCLUDED.second_dimensions, state = 'filling',
       conclusions_until = '', messages_until = '', is_filled = false, filled = 0, lapses_before = s.lapses
 WHERE s.state = 'settled' AND (s.model, s.dimensions) <> (EXCLUDED.second_model, EXCLUDED.second_dimensions)
RETURNING {_COLUMNS}
"""


def begin(conn: Connection, workspace: str, *, usual: EmbeddingSpace, into: EmbeddingSpace) -> SpaceChoice | None:
    """From its commit on every writer writes `into`, too. `usual` is read where nothing was chosen before.

    None when there is no such workspace, or when its choice is under way already or reads `into`.
    """
    values = {"model": usual.model, "dimensions": usual.dimensions, "workspace": workspace}
    second = {"second_model": into.model, "second_dimensions": into.dimensions}
    return _choice(conn.execute(BEGIN, {**values, **second}).fetchone())


ADVANCE: LiteralString = """
UPDATE workspace_spaces
   SET conclusions_until = %(conclusions_until)s, messages_until = %(messages_until)s, filled = %(filled)s,
       is_filled = %(is_filled)s
 WHERE workspace = %(workspace)s AND state = 'filling' AND lapses_before = %(lapses_before)s
   AND second_model = %(second_model)s AND second_dimensions = %(second_dimensions)s
"""


def advance(conn: Connection, choice: SpaceChoice, filling: Filling) -> bool:
    """Note how far the pass has come; False when it is no longer the one that `choice` stands for."""
    return conn.execute(ADVANCE, _of_pass(choice, filling)).rowcount == 1


ANEW: LiteralString = f"""
UPDATE workspace_spaces
   SET conclusions_until = '', messages_until = '', is_filled = false, filled = 0, lapses_before = lapses
 WHERE workspace = %(workspace)s AND state = 'filling'
RETURNING {_COLUMNS}
"""


def anew(conn: Connection, workspace: str) -> SpaceChoice | None:
    """Begin another pass: since the last one began a writer could not write the second space."""
    return _choice(conn.execute(ANEW, {"workspace": workspace}).fetchone())


LAPSE: LiteralString = """
UPDATE workspace_spaces
   SET lapses = lapses + 1
 WHERE workspace = %(workspace)s AND state = 'filling'
   AND second_model = %(second_model)s AND second_dimensions = %(second_dimensions)s
"""


def lapse(conn: Connection, workspace: str, space: EmbeddingSpace) -> bool:
    """Have the space filled once more, because a writer could not write it; False when it is not being filled."""
    values = {"workspace": workspace, "second_model": space.model, "second_dimensions": space.dimensions}
    return conn.execute(LAPSE, values).rowcount == 1


SWITCH: LiteralString = f"""
UPDATE workspace_spaces
   SET model = second_model, dimensions = second_dimensions, second_model = model, second_dimensions = dimensions,
       state = 'switched', switched_at = %(now)s
 WHERE workspace = %(workspace)s AND state = 'filling' AND is_filled AND lapses = lapses_before
RETURNING {_COLUMNS}
"""


def switch(conn: Connection, workspace: str, now: datetime) -> SpaceChoice | None:
    """Read the space that was filled; None when anything may be missing there."""
    return _choice(conn.execute(SWITCH, {"workspace": workspace, "now": now}).fetchone())


TURN: LiteralString = f"""
UPDATE workspace_spaces
   SET state = 'filling', conclusions_until = '', messages_until = '', is_filled = false, filled = 0,
       lapses_before = lapses
 WHERE workspace = %(workspace)s AND state = 'switched'
RETURNING {_COLUMNS}
"""


def turn(conn: Connection, workspace: str) -> SpaceChoice | None:
    """Fill the former space again, in order to switch back to it; None when there is none."""
    return _choice(conn.execute(TURN, {"workspace": workspace}).fetchone())


LEAVE: LiteralString = f"""
UPDATE workspace_spaces
   SET state = 'leaving'
 WHERE workspace = %(workspace)s AND state IN ('filling', 'switched')
RETURNING {_COLUMNS}
"""


def leave(conn: Connection, workspace: str) -> SpaceChoice | None:
    """Write the second space no longer; None when there is none."""
    return _choice(conn.execute(LEAVE, {"workspace": workspace}).fetchone())


SETTLE: LiteralString = """
UPDATE workspace_spaces
   SET state = 'settled', second_model = NULL, second_dimensions = NULL, switched_at = NULL
 WHERE workspace = %(workspace)s AND state = 'leaving'
"""


def settle(conn: Connection, workspace: str) -> None:
    """The second space is empty."""
    conn.execute(SETTLE, {"workspace": workspace})


SPACES: LiteralString = "SELECT model, dimensions FROM embedding_spaces ORDER BY created_at DESC, name"


def spaces(conn: Connection) -> list[EmbeddingSpace]:
    """All that there are tables for, the newest first."""
    return [EmbeddingSpace(*row) for row in conn.execute(SPACES)]


ROWS: LiteralString = """
SELECT (SELECT count(*) FROM conclusions WHERE workspace = %(workspace)s AND deleted_at IS NULL)
       + (SELECT count(*) FROM messages WHERE workspace = %(workspace)s)
"""


def rows(conn: Connection, workspace: str) -> int:
    """How many conclusions and messages there are to be found."""
    row = conn.execute(ROWS, {"workspace": workspace}).fetchone()
    return int(row[0]) if row else 0


# Deleting takes vectors first and rows after them: whoever brings a vector in between must look again after that.
DELETIONS: LiteralString = """
SELECT unit, seq FROM work_items
 WHERE workspace = %(workspace)s AND state = 'pending' AND (starts_with(unit, 'erase:') OR starts_with(unit, 'forget:'))
"""


def deletions(conn: Connection, workspace: str) -> set[tuple[str, int]]:
    """What is being deleted and erased at this moment, as units and places of their items."""
    return {(str(unit), int(seq)) for unit, seq in conn.execute(DELETIONS, {"workspace": workspace})}


WITH_ROW: LiteralString = "SELECT id FROM conclusions WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)"


def conclusions_with_row(conn: Connection, workspace: str, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are there, hidden ones included: their vectors are taken out when they are due."""
    return {str(row[0]) for row in conn.execute(WITH_ROW, {"workspace": workspace, "ids": list(ids)})}


def _of_pass(choice: SpaceChoice, filling: Filling) -> dict[str, object]:
    second = choice.second
    return {
        "workspace": choice.workspace,
        "second_model": second.model if second else None,
        "second_dimensions": second.dimensions if second else None,
        "conclusions_until": filling.conclusions_until,
        "messages_until": filling.messages_until,
        "filled": filling.filled,
        "is_filled": filling.is_filled,
        "lapses_before": filling.lapses_before,
    }


def _choice(row: TupleRow | None) -> SpaceChoice | None:
    if row is None:
        return None
    workspace, model, dimensions, second_model, second_dimensions, state, *filling, switched_at = row
    second = None if second_model is None else EmbeddingSpace(second_model, second_dimensions)
    return SpaceChoice(workspace, EmbeddingSpace(model, dimensions), second, state, Filling(*filling), switched_at)
