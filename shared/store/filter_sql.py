"""Filter trees as SQL conditions over a column map."""

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString, TypeAlias, assert_never

from psycopg import sql
from psycopg.types.json import Jsonb

from shared.domain.filter_tree import All, AnyOf, Compare, CompareKey, Filter, Includes, NoneOf, Operator, SeenBy
from shared.store.conditions import Condition

ColumnMap: TypeAlias = Mapping[str, LiteralString]
"""Public column names to SQL expressions over the alias of the aggregate's page query."""

WORKSPACES: Final[ColumnMap] = {"id": "name", "created_at": "created_at", "metadata": "metadata"}
PEERS: Final[ColumnMap] = {**WORKSPACES, "workspace_id": "workspace"}
SESSIONS: Final[ColumnMap] = {
    "id": "s.name",
    "workspace_id": "s.workspace",
    "created_at": "s.created_at",
    "is_active": "s.is_active",
    "metadata": "s.metadata",
}
MESSAGES: Final[ColumnMap] = {
    "workspace_id": "m.workspace",
    "session_id": "m.session",
    "peer_id": "m.peer",
    "token_count": "m.token_count",
    "created_at": "m.created_at",
    "metadata": "m.metadata",
}
CONCLUSIONS: Final[ColumnMap] = {
    "id": "c.id",
    "workspace_id": "c.workspace",
    "session_id": "c.session",
    "session_name": "c.session",
    "observer_id": "c.observer",
    "observer": "c.observer",
    "observed_id": "c.observed",
    "observed": "c.observed",
    "content": "c.content",
    "sync_state": "CASE WHEN c.indexed_at IS NOT NULL THEN 'synced' "
    "WHEN c.index_attempts >= 5 THEN 'failed' ELSE 'pending' END",
    "level": "c.level",
    "times_derived": "c.times_derived",
    "created_at": "c.created_at",
    "deleted_at": "c.deleted_at",
    "source_ids": "c.source_ids",
    "metadata": "c.metadata",
}

_SYMBOLS: Final[dict[Operator, LiteralString]] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "ne": "<>", "eq": "="}
# A text that Postgres can cast to numeric without overflow; anything else is not a number to a filter.
_NUMERIC: Final[LiteralString] = (
    "length({text}) < 400 AND {text} ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{{1,3}})?$'"
)
# A number is compared as it is stored; only a text has to be looked at, which takes twice as long.
_COMPARED: Final[LiteralString] = """
CASE WHEN jsonb_typeof({value}) = 'number' THEN {value} {symbol} to_jsonb({operand}::numeric)
     WHEN {is_numeric} THEN {text}::numeric {symbol} {operand} END
"""
_SEEN_BY: Final[LiteralString] = """
EXISTS (SELECT 1 FROM members AS seer
         WHERE seer.workspace = m.workspace AND seer.session = m.session AND seer.peer = {peer}
           AND m.created_at BETWEEN seer.joined_at AND coalesce(seer.left_at, 'infinity'))
"""


def condition(filters: Filter | None, columns: ColumnMap, *, prefix: str = "filter") -> Condition | None:
    """The condition that `filters` stands for; its parameters are named `prefix` and a number."""
    if filters is None:
        return None
    compiler = _Compiler(columns, prefix)
    return Condition(compiler.fold(filters), compiler.params)


class _Compiler:
    def __init__(self, columns: ColumnMap, prefix: str) -> None:
        self._columns = columns
        self._prefix = prefix
        self.params: dict[str, object] = {}

    def fold(self, node: Filter) -> sql.Composable:
        match node:
            case All(members):
                return self._joined(members, "({})", " AND ")
            case AnyOf(members):
                return self._joined(members, "({})", " OR ")
            case NoneOf(members):
                return self._joined(members, "({}) IS NOT TRUE", " AND ")
            case Compare():
                return self._compare(node)
            case CompareKey():
                return self._compare_key(node)
            case Includes(part):
                return sql.SQL("{} @> {}").format(self._column("metadata"), self._param(Jsonb(part)))
            case SeenBy(peer):
                return sql.SQL(_SEEN_BY).format(peer=self._param(peer))
            case _:
                assert_never(node)

    def _joined(self, members: Sequence[Filter], each: LiteralString, glue: LiteralString) -> sql.Composable:
        return sql.SQL(glue).join(sql.SQL(each).format(self.fold(member)) for member in members)

    def _compare(self, node: Compare) -> sql.Composable:
        column = self._column(node.column)
        match node.operator, node.operand:
            case "eq", None:
                return sql.SQL("{} IS NULL").format(column)
            case "ne", None:
                return sql.SQL("{} IS NOT NULL").format(column)
            case "in", tuple(items):
                return sql.SQL("{} = ANY({})").format(column, self._param(list(items)))
            case "contains", tuple(items):
                return sql.SQL("{} @> {}::text[]").format(column, self._param(list(items)))
            case "eq", tuple(items):
                return sql.SQL("{} = {}::text[]").format(column, self._param(list(items)))
            case "contains", operand:
                return sql.SQL("{} ILIKE {}").format(column, self._param(_pattern(str(operand))))
            case "ne", operand:
                return sql.SQL("{} IS DISTINCT FROM {}").format(column, self._param(operand))
            case operator, operand:
                return sql.SQL("{} {} {}").format(column, sql.SQL(_SYMBOLS[operator]), self._param(operand))

    def _compare_key(self, node: CompareKey) -> sql.Composable:
        metadata, key = self._column("metadata"), self._param(node.key)
        text = sql.SQL("({} ->> {}::text)").format(metadata, key)
        match node.operator, node.operand:
            case "in", tuple(items):
                return sql.SQL("{} = ANY({}::text[])").format(text, self._param(list(items)))
            case "contains", operand:
                return sql.SQL("{} ILIKE {}").format(text, self._param(_pattern(str(operand))))
            case operator, str(operand):
                # Byte order is the same on every machine; a locale's is not.
                symbol = sql.SQL(_SYMBOLS[operator])
                return sql.SQL('{} COLLATE "C" {} {}').format(text, symbol, self._param(operand))
            case operator, operand:
                symbol = sql.SQL(_SYMBOLS[operator])
                return sql.SQL(_COMPARED).format(
                    value=sql.SQL("({} -> {}::text)").format(metadata, key),
                    is_numeric=sql.SQL(_NUMERIC).format(text=text),
                    text=text,
                    symbol=symbol,
                    operand=self._param(operand),
                )

    def _column(self, name: str) -> sql.Composable:
        return sql.SQL(self._columns[name])

    def _param(self, value: object) -> sql.Placeholder:
        name = f"{self._prefix}{len(self.params)}"
        self.params[name] = value
        return sql.Placeholder(name)


def _pattern(part: str) -> str:
    """A LIKE pattern that finds `part` literally."""
    return "%" + part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
