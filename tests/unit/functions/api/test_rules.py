"""Each route says who may use it, once, and as the table of the wire format has it."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from functions.api.app import ROUTERS, create_app
from shared.backends import open_backends
from shared.settings import Settings
from tests.support.access_table import EXPECTED, declared

# Made by FastAPI, and open to everybody.
DESCRIPTIONS = {"/v3/openapi.json", "/v3/docs", "/v3/redoc"}


def _app() -> FastAPI:
    return create_app(open_backends(Settings.model_validate({"offline": {"enabled": True}})))


def test_every_route_declares_exactly_one_rule():
    found = declared(ROUTERS)
    assert len(found) > 30
    assert {route: rules for route, rules in found.items() if len(rules) != 1} == {}


def test_rules_are_those_of_the_table():
    found = {route: rules[0] for route, rules in declared(ROUTERS).items()}
    assert found == {route: EXPECTED.get(route) for route in found}


def test_no_route_is_added_past_the_routers():
    of_routers = {(f"/v3{route.path}", route.endpoint) for router in ROUTERS for route in router.routes}
    found = {(route.path, route.endpoint) for route in _app().routes if isinstance(route, APIRoute | Route)}
    assert of_routers <= found
    assert {path for path, _ in found - of_routers} == DESCRIPTIONS


def test_description_says_which_routes_need_a_key():
    paths = _app().openapi()["paths"]
    open_routes = {path for path, methods in paths.items() for one in methods.values() if "security" not in one}
    assert open_routes == {"/v3/health", "/v3/health/ready"}
    assert paths["/v3/keys"]["post"]["security"] == [{"HTTPBearer": []}]
