"""Dreams on the wire: a worker of a later release may have written what this one does not know."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from functions.api.wire.dreams import DreamWithChanges, ScheduleDream
from shared.domain.dream import Change, ChangeRecord, DreamRecord

THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
PEOPLE = ("w", "d1", "ada", "ada")
MOMENTS = (THEN, THEN, None, None)


def test_dream_of_a_later_release_is_shown_as_it_is():
    found = DreamRecord(*PEOPLE, "nap", "moon", None, "slumbering", "drifting", 1, 2, *MOMENTS, {"folded": 3})  # type: ignore[arg-type,dict-item]
    changed = ChangeRecord(Change("folded", "c1"), "a fact", THEN, False)  # type: ignore[arg-type]
    shown = DreamWithChanges.whole(found, [changed]).model_dump(mode="json")
    told = [shown[name] for name in ("dream_type", "cause", "state", "phase", "change_counts")]
    assert told == ["nap", "moon", "slumbering", "drifting", {"folded": 3}]
    assert shown["changes"][0]["action"] == "folded"


def test_dream_that_is_asked_for_is_of_a_known_kind():
    with pytest.raises(ValidationError):
        TypeAdapter(ScheduleDream).validate_python({"observer": "ada", "dream_type": "nap"})


def test_description_names_the_states_that_this_release_knows():
    state = DreamWithChanges.model_json_schema()["properties"]["state"]
    [known] = [one["enum"] for one in state["anyOf"] if "enum" in one]
    assert {"parked", "dropped"} <= set(known)
