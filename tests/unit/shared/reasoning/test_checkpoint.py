"""A run that was written down is read as it was."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.card import Card, CardLine
from shared.domain.dream import Finding, Removal
from shared.llm.types import AssistantTurn, SystemTurn, Tool, ToolCall, ToolTurn, Usage, UserTurn
from shared.reasoning.checkpoint import Checkpoint, fingerprint, read, written
from shared.reasoning.loop import Progress
from shared.reasoning.tools.workbench import Notes
from shared.store.dream_checkpoints import Kept

NOTES = Notes(
    Card(("ATTRIBUTE: Lives in Porto",), 3),
    ("c1", "c2"),
    (Finding("ada can sail.", "deductive", ("c1", "c2"), "so", ("c2",)),),
    (Removal("c2", "c1", "overtaken"),),
    (CardLine("ATTRIBUTE: Can sail", ("c1",)),),
)
CALL = AssistantTurn("I look.", (ToolCall("1", "look", {"at": ["sky", {"n": 1}]}), ToolCall("2", "look", None)))
UNITS = ((CALL, ToolTurn("1", "look", "blue"), ToolTurn("2", "look", "Not run.")), (UserTurn("And now?"),))
RUN = Checkpoint(NOTES, Progress("What is blue?", UNITS, Usage(100, 20, 50), 2, 3.5))

texts = st.text(max_size=20)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
# What a provider may want back, bytes included.
opaque = st.dictionaries(
    texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts
        | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def kept(checkpoint: Checkpoint) -> Kept:
    found = written(checkpoint, "m")
    assert found is not None
    return found


def with_replay(replay: dict[str, object]) -> Checkpoint:
    unit = (replace(CALL, replay=replay), ToolTurn("1", "look", "blue"))
    return replace(RUN, progress=replace(RUN.progress, units=(unit,)))


def test_run_is_read_as_it_was_written():
    assert read(kept(RUN)) == RUN


@given(text=texts, replay=opaque)
def test_run_is_read_as_it_was_written_whatever_it_says(text: str, replay: dict[str, object]):
    unit = (AssistantTurn(text, (), replay), ToolTurn(text, text, text))
    run = Checkpoint(NOTES, Progress(text, (unit,)))
    found = kept(run)
    # Postgres takes it as text, and as JSON where it is no text.
    assert "\x00" not in found.run
    assert found.run.encode().decode() == found.run
    assert read(found) == run


def test_half_a_character_is_not_kept():
    found = read(kept(replace(RUN, progress=replace(RUN.progress, question="a\ud800b"))))
    assert found is not None
    assert found.progress.question == "a?b"


def test_text_of_a_run_stays_to_be_found():
    assert "ação" in kept(replace(RUN, progress=replace(RUN.progress, question="ação"))).run


def test_run_that_has_ended_keeps_only_what_it_proposes():
    done = read(kept(replace(RUN, is_done=True, is_cut=True)))
    assert done is not None
    assert (done.notes, done.is_done, done.is_cut) == (NOTES, True, True)
    assert (done.progress.question, done.progress.units) == ("", ())
    assert (done.progress.usage, done.progress.turns) == (Usage(100, 20, 50), 2)


def test_run_that_is_too_large_loses_its_oldest_turns():
    units = tuple((CALL, ToolTurn("1", "look", f"{number}" * 300_000)) for number in range(9))
    found = read(kept(replace(RUN, progress=replace(RUN.progress, units=units))))
    assert found is not None
    assert 1 < len(found.progress.units) < 9
    assert found.progress.units == units[-len(found.progress.units) :]
    assert found.notes == NOTES


def test_run_whose_newest_turn_alone_is_too_large_is_not_kept():
    huge = (ToolTurn("1", "look", "x" * 3_000_000),)
    assert written(replace(RUN, progress=replace(RUN.progress, units=(huge, huge))), "m") is None


@pytest.mark.parametrize("strange", [{"sdk": object()}, {"set": {1}}])
def test_run_with_what_nobody_can_write_down_is_not_kept(strange: dict[str, object]):
    assert written(with_replay(strange), "m") is None


def test_instructions_are_not_kept_among_the_turns():
    units = ((SystemTurn("Be kind."),),)
    assert written(replace(RUN, progress=replace(RUN.progress, units=units)), "m") is None


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", "null"])
def test_run_that_nobody_wrote_is_not_read(text: str):
    assert read(Kept("m", text)) is None


def test_run_with_a_part_missing_or_of_another_type_is_not_read():
    whole = json.loads(kept(RUN).run)
    for key in whole:
        assert read(Kept("m", json.dumps({name: part for name, part in whole.items() if name != key}))) is None
    assert read(Kept("m", json.dumps({**whole, "turns": "many"}))) is None


def test_fingerprint_changes_with_all_that_a_run_depends_on():
    tool = Tool("look", "Look.", {"type": "object"})
    prints = [
        fingerprint("m", "Be kind.", [tool]),
        fingerprint("n", "Be kind.", [tool]),
        fingerprint("m", "Be brief.", [tool]),
        fingerprint("m", "Be kind.", []),
        fingerprint("m", "Be kind.", [replace(tool, description="See.")]),
        fingerprint("m", "Be kind.", [replace(tool, parameters={})]),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == fingerprint("m", "Be kind.", [tool])
