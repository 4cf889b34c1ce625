"""Names of scopes and of the peers that stand for them."""

from datetime import UTC, datetime

import pytest

from shared.domain.errors import NameInvalid
from shared.domain.json import JsonObject
from shared.domain.peer import Peer
from shared.domain.scope import Scope, is_perspective, peer_of


def a_peer(name: str, configuration: JsonObject) -> Peer:
    return Peer("w", name, "u", {"a": 1}, configuration, datetime(2031, 5, 6, tzinfo=UTC))


@pytest.mark.parametrize("name", ["team", "a-b_C", "x" * 506])
def test_peer_of_a_scope_has_the_prefix(name: str):
    assert peer_of(name) == f"scope.{name}"


@pytest.mark.parametrize("name", ["", "x" * 507, "a b", "a.b", "scope.team", "scope.", "\x00"])
def test_peer_of_what_names_no_scope_is_refused(name: str):
    with pytest.raises(NameInvalid):
        peer_of(name)


@pytest.mark.parametrize(
    ("name", "configuration", "expected"),
    [
        ("scope.team", {"observe_me": False}, True),
        ("scope.team", {}, False),
        ("scope.team", {"observe_me": True}, False),
        ("team", {"observe_me": False}, False),
    ],
)
def test_perspective_is_a_peer_made_as_one(name: str, configuration: JsonObject, expected: bool):
    assert is_perspective(a_peer(name, configuration)) is expected


def test_scope_of_a_peer_has_the_name_its_users_know():
    scope = Scope.of(a_peer("scope.team", {}))
    assert (scope.name, scope.workspace, scope.metadata) == ("team", "w", {"a": 1})
