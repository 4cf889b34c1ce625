"""The resource tree answers as API Gateway would."""

import pytest

from infra.bootstrap import ROOT
from infra.local.resources import Resources
from infra.local.template import RouteSpec, load

ROUTES = [
    RouteSpec("ANY", "/", "Root"),
    RouteSpec("ANY", "/{proxy+}", "All"),
    RouteSpec("POST", "/things/{thing}/chat", "Chat"),
    RouteSpec("ANY", "/things/{thing}/{proxy+}", "Things"),
]


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/", "Root", None),
        ("GET", "/other/a%20b", "All", {"proxy": "other/a b"}),
        ("POST", "/things/a%2Fb/chat", "Chat", {"thing": "a/b"}),
        ("POST", "/things/a/chat/more", None, None),
        ("GET", "/things/a/list", "Things", {"thing": "a", "proxy": "list"}),
    ],
)
def test_match_takes_the_most_specific_resource(
    method: str, path: str, function: str | None, parameters: dict[str, str] | None
):
    match = Resources(ROUTES).match(method, path)
    assert (match and match.route.function, match and match.parameters) == (function, parameters)


@pytest.mark.parametrize("path", ["/things", "/things/a"])
def test_match_when_the_most_specific_resource_has_no_method_does_not_go_back(path: str):
    assert Resources(ROUTES).match("GET", path) is None


def test_match_when_the_method_is_not_that_of_the_resource_gives_nothing():
    assert Resources(ROUTES).match("GET", "/things/a/chat") is None


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("POST", "/workspaces", "ApiFunction"),
        ("PUT", "/workspaces/w", "ApiFunction"),
        ("POST", "/workspaces/w/chat", "ChatFunction"),
        ("POST", "/workspaces/w/peers", "ApiFunction"),
        ("POST", "/workspaces/w/peers/list", "ApiFunction"),
        ("PUT", "/workspaces/w/peers/p/card", "ApiFunction"),
        ("POST", "/workspaces/w/peers/p/chat", "ChatFunction"),
        ("POST", "/workspaces/w/sessions/s/messages", "ApiFunction"),
        ("GET", "/health/ready", "ApiFunction"),
    ],
)
def test_match_over_the_product_template_reaches_the_function(method: str, path: str, function: str):
    match = Resources(load(ROOT / "template.yaml").routes).match(method, path)
    assert match is not None
    assert match.route.function == function
