"""The methods of a pair's conclusions and of a workspace's."""

from typing import LiteralString

import psycopg
import pytest
from honcho.conclusions import Conclusion, ConclusionsView
from honcho.http.exceptions import NotFoundError

from tests.support.honcho_caller import World, covers

# No client can state a derived conclusion; only a dream makes them.
DERIVE: LiteralString = """
UPDATE conclusions SET level = 'deductive', source_ids = ARRAY[%(source)s]
 WHERE workspace = %(workspace)s AND id = %(id)s
"""


def created(world: World, *contents: str) -> tuple[ConclusionsView, list[Conclusion]]:
    """Conclusions of a new peer about itself."""
    view = world.peer().conclusions
    session = world.new_session()
    return view, world.call(view, "create", [{"content": text, "session_id": session.id} for text in contents])


@covers("ConclusionsView.create", "ConclusionsView.list")
def create_and_list(world: World) -> None:
    view, made = created(world, "likes maps", "likes tea", "likes rain")
    assert [one.content for one in made] == ["likes maps", "likes tea", "likes rain"]
    assert {(one.level, one.times_derived, one.observer_id) for one in made} == {("explicit", 1, view.observer)}
    found = world.call(view, "list", size=2)
    assert {one.id for one in found} == {one.id for one in made}
    turned = world.call(view, "list", size=2, reverse=True)
    assert [one.id for one in turned] == [one.id for one in found][::-1]
    assert len(world.call(view, "list", session=made[0].session_id)) == 3
    assert world.call(view, "list", filters={"level": "deductive"}) == []


@covers("ConclusionsView.query")
def query(world: World) -> None:
    view, _ = created(world, "collects old maps", "is allergic to cats")
    [found] = world.call(view, "query", "old maps", 1)
    assert found.content == "collects old maps"
    assert world.call(view, "query", "old maps", filters={"level": "inductive"}) == []


@covers("ConclusionsView.get", "WorkspaceConclusions.get")
def get(world: World) -> None:
    view, [made] = created(world, "likes maps")
    for place in (view, world.honcho.conclusions):
        found = world.call(place, "get", made.id)
        assert (found.id, found.content, found.created_at) == (made.id, "likes maps", made.created_at)
        with pytest.raises(NotFoundError):
            world.call(place, "get", "no-such-conclusion")


@covers("ConclusionsView.get_many", "WorkspaceConclusions.get_many")
def get_many(world: World) -> None:
    view, made = created(world, "likes maps", "likes tea")
    for place in (view, world.honcho.conclusions):
        found = world.call(place, "get_many", [*(one.id for one in made), "no-such-conclusion"])
        assert {one.id for one in found} == {one.id for one in made}


@covers("ConclusionsView.derived")
def derived(world: World) -> None:
    view, [source, result] = created(world, "likes maps", "is curious")
    with psycopg.connect(world.dsn) as conn:
        values = {"workspace": world.honcho.workspace_id, "id": result.id, "source": source.id}
        assert conn.execute(DERIVE, values).rowcount == 1
    [found] = world.call(view, "derived", source.id)
    assert (found.id, found.source_ids, found.level) == (result.id, [source.id], "deductive")
    assert world.call(view, "derived", result.id) == []


@covers("ConclusionsView.delete")
def delete(world: World) -> None:
    view, [made] = created(world, "likes maps")
    world.call(view, "delete", made.id)
    assert world.call(view, "list") == []
    with pytest.raises(NotFoundError):
        world.call(view, "delete", made.id)


@covers("ConclusionsView.representation")
def representation(world: World) -> None:
    view, _ = created(world, "collects old maps")
    assert "collects old maps" in world.call(view, "representation", search_query="maps", max_conclusions=3)


@covers("WorkspaceConclusions.list")
def of_the_workspace(world: World) -> None:
    view, made = created(world, "likes maps", "likes tea")
    found = world.call(world.honcho.conclusions, "list", filters={"observed_id": view.observed}, size=1)
    assert {one.id for one in found} == {one.id for one in made}
