"""Every statement stays within one workspace, or says here why it does not."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from infra.bootstrap import ROOT
from infra.migrations.tables import METADATA
from tests.support.tree import tracked

MODULES: Final = [path for path in tracked("shared/store/*.py", "shared/vectors/*.py") if path.stem != "__init__"]
OF_WORKSPACES: Final = {table.name for table in METADATA.tables.values() if "workspace" in table.columns}
_STATEMENT: Final = re.compile(r"\s*\(?(?:SELECT|INSERT|UPDATE|DELETE|WITH|TRUNCATE|MERGE|LOCK|COPY)\b")
# `FROM table AS alias`, however it is read or written; `{table}` stands for one that is chosen at run time.
_REFERENCE: Final = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO|USING|TABLE)\s+(\w+|\{\w+\})(?:\s+AS\s+(\w+))?")
_GIVEN: Final = re.compile(r"%\(\w*workspace\w*\)s")

# What looks at all workspaces at once: never on behalf of a client.
SWEEPS: Final = {
    "budgets.EXPIRED": "tick gives back what dead workers had reserved, whosever it is",
    "budgets.HAVING": "which workspaces have a budget of their own: names that never leave the process",
    "calls.ROLL_UP": "tick keeps sums of what is too old to be kept one by one, whosever it is",
    "index_state.UNINDEXED": "tick repairs what no index has yet, whosever it is",
    "index_state.GAUGE": "counts what no index has yet, for the operator's monitoring",
    "vector_removals.DUE": "tick takes out what is hidden, whosever it is",
    "dream_schedule.DUE": "tick lets dream whoever is due, whosever it is",
    "gauges.WORK": "sums by kind of work, for the operator's monitoring",
    "idempotency.EXPIRED": "tick forgets keys that are too old to be repeated, whosever they are",
    "unanswered.EXPIRED": "tick forgets batches that are too old to be recognised, whosever they are",
    "outbox.WAKE_DUE": "tick wakes what is due, whosever it is",
    "outbox.NEXT_DUE": "tells the local tick when to look next: a moment, and nothing of whom",
    "readiness.LOOK": "the age of the oldest pending work, as one number for the operator",
    "repair.GIVE_UP": "tick gives up what was set aside too long ago, whosever it is",
    "repair.RECOVER": "after a start without queue and workers every lease and wake-up is void",
    "timer.ARM": "tells tick when to come next: a moment, and nothing of whom",
    "timer.LEFT_OVER": "tells tick whether its visit left anything due, whosever it is",
    "stops.RESUME": "tick resumes whatever there is money for again, whosever it is",
    "space_choices.SOME": "which workspaces have a space of their own, remembered for ten seconds, told to nobody",
    "status.WAITING": "the operator's list of what waits, and why",
}
# Templates: the text that is put in for a placeholder brings the workspace.
COMPLETED: Final = {
    "message_ranking.BEST": "Area.condition names the workspace",
    "message_search.NEWEST_LITERAL": "Area.condition names the workspace",
    "message_search._NEWEST": "Area.condition names the workspace",
    "message_search._OLDEST": "Area.condition names the workspace",
    "message_search._WITHIN": "Area.condition names the workspace",
    "pg_queries._HIT": "in_collection, of_all_peers and in_workspace name the workspace",
    "pg_queries._EXACT": "in_collection, of_all_peers and in_workspace name the workspace",
    "pg_queries._BY_GRAPH": "in_collection, of_all_peers and in_workspace name the workspace",
    "workspace_purge.DELETE_SOME": "both conditions of that module name the workspace",
    "workspace_purge.ANY_LEFT": "both conditions of that module name the workspace",
}


def statements(path: Path) -> Iterator[tuple[str, str]]:
    """Every statement of a module, with its name: constants as they are at run time, literals inside functions."""
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    tree = ast.parse((ROOT / path).read_text())
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            for target in targets:
                if isinstance(target, ast.Name):
                    yield from _texts(f"{path.stem}.{target.id}", getattr(module, target.id, None))
        else:
            yield from _inside(path.stem, node)


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and _STATEMENT.match(value):
        yield name, value


def _inside(stem: str, node: ast.stmt) -> Iterator[tuple[str, str]]:
    for function in ast.walk(node):
        if isinstance(function, ast.FunctionDef):
            for part in ast.walk(function):
                if isinstance(part, ast.Constant):
                    yield from _texts(f"{stem}.{function.name}", part.value)


STATEMENTS: Final = [(name, text) for path in MODULES for name, text in statements(path)]


def unbound(text: str) -> list[str]:
    """The tables that a statement uses without naming their workspace; all, when it is given none."""
    used = [(table, alias) for table, alias in _REFERENCE.findall(text) if table in OF_WORKSPACES or table[0] == "{"]
    if _GIVEN.search(text) is None:
        return [table for table, _ in used]
    is_named = re.search(r"(?<![.\w])workspace\b", text) is not None
    return [
        table
        for table, alias in used
        if not is_named and (not alias or re.search(rf"\b{alias}\.workspace\b", text) is None)
    ]


def test_statements_are_found():
    assert len(STATEMENTS) > 80
    assert len(OF_WORKSPACES) > 12


def test_every_statement_names_the_workspace_of_every_table_it_uses():
    excused = SWEEPS.keys() | COMPLETED.keys()
    assert {name: unbound(text) for name, text in STATEMENTS if name not in excused and unbound(text)} == {}


@pytest.mark.parametrize("name", [*SWEEPS, *COMPLETED])
def test_every_excuse_is_still_needed(name: str):
    assert [found for found, text in STATEMENTS if found == name and unbound(text)] != []
