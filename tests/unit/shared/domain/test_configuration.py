"""Configuration in levels: later ones win leaf by leaf, nulls never do."""

import pytest

from shared.domain.configuration import Configuration, cleaned, merge, resolve
from shared.domain.json import JsonObject

DEFAULTS = Configuration(messages_per_short_summary=20, messages_per_long_summary=60)


def test_resolve_without_levels_gives_the_defaults():
    assert resolve(DEFAULTS, None, {}, None) == DEFAULTS


def test_resolve_lets_later_levels_win_leaf_by_leaf():
    workspace = {"reasoning": {"enabled": False, "custom_instructions": "w"}, "summary": {"enabled": False}}
    session = {"reasoning": {"enabled": True}, "summary": {"messages_per_short_summary": 10}}
    message = {"reasoning": {"custom_instructions": "m"}}
    assert resolve(DEFAULTS, workspace, session, message) == Configuration(
        reasoning=True, custom_instructions="m", summary=False, messages_per_short_summary=10
    )


def test_resolve_takes_null_for_not_set():
    workspace = {"reasoning": {"enabled": False, "custom_instructions": "w"}, "peer_card": {"use": False}}
    session = {"reasoning": {"enabled": None, "custom_instructions": None}, "peer_card": None, "dream": None}
    found = resolve(DEFAULTS, workspace, session)
    assert (found.reasoning, found.custom_instructions, found.use_card) == (False, "w", False)


@pytest.mark.parametrize("stored", [{"reasoning": "off"}, {"reasoning": {"enabled": "no"}}, {"reasoning": [False]}])
def test_resolve_of_stored_nonsense_falls_back_to_the_default(stored):
    assert resolve(DEFAULTS, stored) == DEFAULTS


@pytest.mark.parametrize("never", [2**31, 10**30])
def test_resolve_of_a_count_that_no_session_reaches_gives_one_that_postgres_can_count_with(never):
    in_force = resolve(DEFAULTS, {"summary": {"messages_per_long_summary": never}})
    assert in_force.messages_per_long_summary == 2**31 - 1


@pytest.mark.parametrize("count", [0, -5, True, "30", 2.5])
def test_resolve_of_an_impossible_count_falls_back_to_the_default(count):
    assert resolve(DEFAULTS, {"summary": {"messages_per_short_summary": count}}).messages_per_short_summary == 20


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"deriver": {"enabled": False}}, False),
        ({"skip_deriver": True}, False),
        ({"skip_deriver": False}, True),
        ({"skip_deriver": "yes"}, True),
        ({"deriver": {"enabled": False}, "reasoning": {"enabled": True}}, True),
        ({"skip_deriver": True, "reasoning": {"enabled": None}}, False),
        ({"deriver": {"enabled": True}, "skip_deriver": True}, True),
    ],
)
def test_resolve_understands_older_keys_where_the_newer_one_is_not_set(stored, expected):
    assert resolve(DEFAULTS, stored).reasoning is expected


def test_resolve_reads_every_leaf():
    everything = {
        "peer_card": {"use": False, "create": False},
        "summary": {"enabled": False, "messages_per_long_summary": 99},
        "dream": {"enabled": False},
    }
    assert resolve(DEFAULTS, everything) == Configuration(
        use_card=False, create_card=False, summary=False, messages_per_long_summary=99, dream=False
    )


def test_merge_replaces_a_section_as_a_whole_and_keeps_the_others():
    stored = {"reasoning": {"enabled": False, "custom_instructions": "x"}, "dream": {"enabled": False}, "mine": 1}
    given = {"reasoning": {"enabled": True, "custom_instructions": None}, "dream": None, "mine": None, "yours": [2]}
    assert merge(stored, given) == {
        "reasoning": {"enabled": True}, "dream": {"enabled": False}, "mine": 1, "yours": [2]
    }  # fmt: skip
    assert stored["reasoning"] == {"enabled": False, "custom_instructions": "x"}


def test_cleaned_drops_what_is_null():
    assert cleaned({"summary": None, "dream": {"enabled": None}, "other": None}) == {"dream": {}}


@pytest.mark.parametrize(
    ("workspace", "session", "message", "expected"),
    [
        ({"custom_instructions": "top"}, {}, {}, "top"),
        ({"custom_instructions": "top", "reasoning": {"custom_instructions": "section"}}, {}, {}, "section"),
        ({"custom_instructions": "top", "reasoning": {"custom_instructions": None}}, {}, {}, "top"),
        (
            {"reasoning": {"custom_instructions": "section"}},
            {"custom_instructions": "of the session"},
            {},
            "of the session",
        ),
        ({"custom_instructions": "top"}, {"custom_instructions": ""}, {}, ""),
        ({"custom_instructions": "top"}, {"reasoning": {"custom_instructions": ""}}, {}, ""),
        ({"custom_instructions": "top"}, {}, {"reasoning": {"custom_instructions": "said"}}, "said"),
        ({"custom_instructions": 5}, {}, {}, None),
    ],
)
def test_resolve_takes_a_levels_own_instructions_where_its_section_has_none(workspace, session, message, expected):
    assert resolve(DEFAULTS, workspace, session, message).custom_instructions == expected


@pytest.mark.parametrize("section", ["summary", "dream", "dialectic"])
def test_resolve_takes_instructions_for_each_use_as_for_reasoning(section: str):
    def found(*levels: JsonObject) -> str | None:
        return getattr(resolve(DEFAULTS, *levels), f"{section}_instructions")

    own: JsonObject = {section: {"custom_instructions": "section"}}
    top: JsonObject = {"custom_instructions": "top"}
    assert found({}) is None
    assert found(top) == "top"
    assert found({**top, **own}) == "section"
    assert found(own, top) == "top"
    assert found(own, {"custom_instructions": ""}) == ""
    assert found(top, {section: {"custom_instructions": None}}) == "top"
    assert found(own, {section: {"enabled": True}}) == "section"


def test_resolve_takes_instructions_for_the_card_from_its_section_alone():
    both = {"custom_instructions": "top", "peer_card": {"custom_instructions": "card"}}
    assert resolve(DEFAULTS, both).card_instructions == "card"
    assert resolve(DEFAULTS, {"custom_instructions": "top"}).card_instructions is None
    assert resolve(DEFAULTS, both, {"custom_instructions": "session"}).card_instructions == "card"
