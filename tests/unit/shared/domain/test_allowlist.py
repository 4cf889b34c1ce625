"""The sessions an answer may rest on."""

from typing import Any

import pytest

from shared.domain.allowlist import allowlist
from shared.domain.errors import Invalid


@pytest.mark.parametrize(
    ("given", "session", "expected"),
    [
        (None, None, None),
        (None, "s", ("s",)),
        ({"session_id": "s"}, None, ("s",)),
        ({"session_id": ["s", "t", "s"]}, None, ("s", "t")),
        ({"session_id": {"in": ["s"]}}, None, ("s",)),
        ({"session_id": []}, None, ()),
        ({"session_id": ["s", "t"]}, "t", ("t",)),
        ({"session_id": [str(n) for n in range(1000)]}, "7", ("7",)),
    ],
)
def test_allowlist_names_the_sessions(given: Any, session: str | None, expected: tuple[str, ...] | None):
    assert allowlist(given, session) == expected


@pytest.mark.parametrize(
    ("given", "session"),
    [
        ({}, None),
        ({"session": "s"}, None),
        ({"session_id": "s", "peer_id": "a"}, None),
        ({"session_id": "*"}, None),
        ({"session_id": ["s", "*"]}, None),
        ({"session_id": None}, None),
        ({"session_id": 5}, None),
        ({"session_id": [5]}, None),
        ({"session_id": {"in": "s"} | {"ne": "t"}}, None),
        ({"session_id": {"contains": "s"}}, None),
        ({"session_id": [str(n) for n in range(1001)]}, None),
        ({"session_id": ["s"]}, "t"),
    ],
)
def test_allowlist_that_is_none_is_refused(given: Any, session: str | None):
    with pytest.raises(Invalid):
        allowlist(given, session)
