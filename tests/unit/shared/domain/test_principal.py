"""What a key's claims say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal, expiry_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"ad": True}, ADMIN),
        ({"ad": True, "w": "w", "p": "a"}, Principal(is_admin=True, workspace="w", peer="a")),
        ({"w": "w", "p": "", "s": None, "t": "x", "jti": "id"}, Principal(workspace="w")),
        ({"w": "w", "p": "a", "s": "s"}, Principal(workspace="w", peer="a", session="s")),
        ({"w": "w", "exp": "2026-01-02T00:00:01"}, Principal(workspace="w")),
        ({"w": "w", "exp": "2026-01-02T00:00:01-01:00"}, Principal(workspace="w")),
        ({"w": "w", "exp": NOW.timestamp() + 1}, Principal(workspace="w")),
        ({"w": "w", "exp": int(NOW.timestamp()) + 1}, Principal(workspace="w")),
    ],
)
def test_claims_become_a_principal(claims: dict[str, Any], expected: Principal):
    assert Principal.of_claims(claims, NOW) == expected


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"t": "x"},
        {"w": ""},
        {"ad": False},
        {"ad": "true"},
        {"ad": 1},
        {"p": "a"},
        {"s": "s"},
        {"w": "", "p": "a"},
        {"ad": True, "s": "s"},
        {"w": 5},
        {"w": ["w"]},
        {"w": "w\0"},
        {"w": "w", "p": "\ud800"},
        {"w": "w", "p": False},
        {"w": "w", "exp": "2026-01-02T00:00:00Z"},
        {"w": "w", "exp": "2026-01-02T00:30:00+01:00"},
        {"w": "w", "exp": NOW.timestamp()},
        {"w": "w", "exp": -1},
        {"w": "w", "exp": "later"},
        {"w": "w", "exp": ""},
        {"w": "w", "exp": []},
        {"w": "w", "exp": False},
        {"w": "w", "exp": 1e300},
        {"w": "w", "exp": 10**400},
        {"w": "w", "exp": float("nan")},
    ],
    ids=ascii,
)
def test_claims_that_expired_or_open_nothing_are_refused(claims: dict[str, Any]):
    with pytest.raises(Unauthorized):
        Principal.of_claims(claims, NOW)


def test_expiry_reads_both_forms_alike():
    assert expiry_of({"exp": "2026-01-02"}) == expiry_of({"exp": NOW.timestamp()}) == NOW
    assert expiry_of({}) is None


@pytest.mark.parametrize(
    ("principal", "is_narrow", "governing_peer"),
    [
        (ADMIN, False, None),
        (Principal(is_admin=True, workspace="w", peer="a"), False, None),
        (Principal(workspace="w"), False, None),
        (Principal(workspace="w", peer="a"), True, "a"),
        (Principal(workspace="w", session="s"), True, None),
        (Principal(workspace="w", peer="a", session="s"), True, None),
    ],
)
def test_narrowest_claim_governs(principal: Principal, is_narrow: bool, governing_peer: str | None):
    assert (principal.is_narrow, principal.governing_peer) == (is_narrow, governing_peer)
