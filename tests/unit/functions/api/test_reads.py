"""Which requests only read."""

import pytest

from functions.api.reads import is_read


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/workspaces/w/sessions/s/context"),
        ("OPTIONS", "/workspaces"),
        ("POST", "/workspaces/list"),
        ("POST", "/v3/workspaces/w/sessions/s/messages/list/"),
        ("POST", "/workspaces/w/search"),
        ("POST", "/workspaces/w/conclusions/query"),
        ("POST", "/workspaces/w/peers/p/representation"),
        ("POST", "/workspaces/w/peers/p/sessions"),
        ("POST", "/workspaces/w/peers/p/chat"),
    ],
)
def test_request_that_changes_nothing_is_a_read(method: str, path: str):
    assert is_read(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/workspaces"),
        ("POST", "/workspaces/w/peers"),
        ("POST", "/workspaces/w/sessions"),
        ("POST", "/workspaces/w/sessions/s/messages"),
        ("POST", "/workspaces/w/sessions/list/messages"),
        ("POST", "/workspaces/w/sessions/s/peers"),
        ("POST", "/workspaces/w/conclusions"),
        ("PUT", "/workspaces/search"),
        ("PUT", "/workspaces/w/peers/list"),
        ("DELETE", "/workspaces/w/conclusions/list"),
    ],
)
def test_request_that_changes_something_is_no_read(method: str, path: str):
    assert not is_read(method, path)
