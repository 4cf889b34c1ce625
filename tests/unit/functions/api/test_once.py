"""Each route that writes takes a key, and the answers it keeps are found by what they show."""

from typing import cast

from fastapi.routing import APIRoute

from functions.api.app import ROUTERS
from functions.api.once import mentions
from functions.api.reads import is_read

# A second key is another key; and an answer that must not be shown again must not be kept either.
WITHOUT = {"/keys"}


def test_every_post_that_writes_takes_a_key():
    routes = [cast(APIRoute, route) for router in ROUTERS for route in router.routes]
    writing = [route for route in routes if "POST" in route.methods and not is_read("POST", route.path)]
    assert len(writing) > 10
    without = {route.path for route in writing if "Idempotency-Key" not in _headers(route)}
    assert without == WITHOUT


def test_mentions_are_what_the_items_name_each_once():
    body = '[{"id": "m1", "peer_id": "ada", "session_id": "s"}, {"id": "m2", "peer_id": "ada", "session_id": null}]'
    assert mentions(body, "message") == [("message", "m1"), ("message", "m2"), ("peer", "ada"), ("session", "s")]
    assert mentions('{"id": "s"}', "session") == [("session", "s")]
    assert mentions(None, "scope") == mentions("null", "scope") == []


def _headers(route: APIRoute) -> set[str]:
    found: set[str] = set()
    waiting = [route.dependant]
    while waiting:
        one = waiting.pop()
        found |= {field.alias for field in one.header_params}
        waiting += one.dependencies
    return found
