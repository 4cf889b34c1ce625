"""Configuration on the wire: what comes in whole, and what goes out trimmed."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.api.wire.configuration import MessageConfiguration, SessionConfiguration, shown, shown_of_peer


def test_given_keeps_nulls_and_extras_and_drops_unknown_leaves():
    given: dict[str, Any] = {
        "reasoning": {"enabled": None, "unknown": 1},
        "summary": None,
        "dialectic": {"custom_instructions": "be brief\x00"},
        "custom_instructions": "",
        "own": {"deep": [None, 1]},
    }
    assert SessionConfiguration.model_validate(given).given() == {
        "reasoning": {"enabled": None},
        "summary": None,
        "dialectic": {"custom_instructions": "be brief"},
        "custom_instructions": "",
        "own": {"deep": [None, 1]},
    }


def test_given_of_a_message_knows_reasoning_only():
    given = {"reasoning": {"enabled": False}, "summary": {"enabled": False}, "own": 1}
    assert MessageConfiguration.model_validate(given).given() == {"reasoning": {"enabled": False}}


@pytest.mark.parametrize(
    "given",
    [
        {"summary": {"messages_per_short_summary": 9}},
        {"summary": {"messages_per_long_summary": 19}},
        {"summary": {"messages_per_short_summary": 20, "messages_per_long_summary": 20}},
        {"reasoning": "on"},
        {"reasoning": {"enabled": "perhaps"}},
        {"custom_instructions": 5},
        {"own": float("nan")},
        {"own": "\ud800"},
        "text",
    ],
)
def test_configuration_that_cannot_hold_is_refused(given: object):
    with pytest.raises(ValidationError):
        SessionConfiguration.model_validate(given)


def test_shown_sections_have_only_leaves_that_the_sdk_knows():
    stored: dict[str, Any] = {
        "reasoning": {"enabled": True, "from_elsewhere": 1},
        "summary": None,
        "dream": "yes",
        "own": {"anything": [1]},
        "custom_instructions": "x",
    }
    assert shown(stored) == {
        "reasoning": {"enabled": True},
        "own": {"anything": [1]},
        "custom_instructions": "x",
    }


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"observe_me": False, "other": 1}, {"observe_me": False}),
        ({"observe_me": None}, {}),
        ({"observe_me": "no"}, {}),
        ({}, {}),
    ],
)
def test_shown_of_a_peer_is_observe_me_and_nothing_else(stored: dict[str, Any], expected: dict[str, Any]):
    assert shown_of_peer(stored) == expected
