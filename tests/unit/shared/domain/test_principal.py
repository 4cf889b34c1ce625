"""What a key's claims say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"ad": True}, Principal(is_admin=True)),
        ({"w": "w", "p": "", "s": None, "t": "x"}, Principal(workspace="w")),
        ({"w": "w", "p": "a", "s": "s"}, Principal(workspace="w", peer="a", session="s")),
        ({}, Principal()),
        ({"w": "w", "exp": "2026-01-02T00:00:01"}, Principal(workspace="w")),
        ({"w": "w", "exp": NOW.timestamp() + 1}, Principal(workspace="w")),
    ],
)
def test_claims_become_a_principal(claims: dict[str, Any], expected: Principal):
    assert Principal.of_claims(claims, NOW) == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"p": "a"},
        {"s": "s"},
        {"w": 5},
        {"w": "w", "exp": "2026-01-02T00:00:00Z"},
        {"w": "w", "exp": NOW.timestamp()},
        {"w": "w", "exp": "later"},
        {"w": "w", "exp": []},
        {"w": "w", "exp": False},
        {"w": "w", "exp": 1e300},
    ],
)
def test_claims_that_expired_or_say_nothing_are_refused(claims: dict[str, Any]):
    with pytest.raises(Unauthorized):
        Principal.of_claims(claims, NOW)


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (ADMIN, True),
        (Principal(workspace="w"), True),
        (Principal(workspace="other"), False),
        (Principal(workspace="w", peer="a"), False),
        (Principal(workspace="w", session="s"), False),
        (Principal(), False),
    ],
)
def test_principal_reaches_a_workspace_only_with_a_key_for_all_of_it(principal: Principal, expected: bool):
    assert principal.reaches("w") is expected
