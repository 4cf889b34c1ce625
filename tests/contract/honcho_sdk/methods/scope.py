"""The methods of `Scope`."""

import time
from typing import Any

from honcho.scope import Scope
from honcho.session import Session

from tests.support.honcho_caller import World, covers


def settled(world: World, scope: Scope, session: Session) -> Any:
    """The backfill of a session, once it is over."""
    deadline = time.monotonic() + 60
    while True:
        job = world.call(scope, "status").get(session.id)
        if job is not None and job.state != "pending":
            return job
        assert time.monotonic() < deadline, f"still {job}"
        time.sleep(0.05)


@covers("Scope.add_sessions", "Scope.sessions", "Scope.remove_session", "Scope.status")
def membership(world: World) -> None:
    scope = world.honcho.scope(world.name("scope"))
    second = world.new_session()
    assert world.call(scope, "status") == {}
    world.call(scope, "add_sessions", [world.session])
    world.call(scope, "add_sessions", [second.id])
    assert [one.id for one in world.call(scope, "sessions", size=1)] == [world.session.id, second.id]
    job = settled(world, scope, world.session)
    assert (job.state, job.docs_copied > 0) == ("completed", True)
    assert "peanuts" in world.alice.representation(scope=scope)
    world.call(scope, "remove_session", second)
    assert [one.id for one in world.call(scope, "sessions", reverse=True)] == [world.session.id]
