"""The order of a dream's phases, and what its conclusions must rest on."""

from typing import get_args

from shared.domain.dream import DreamKind, first_phase, phase_after, sources_needed


def phases(kind: DreamKind) -> list[str]:
    found = [first_phase(kind)]
    while found[-1] != "done":
        found.append(phase_after(kind, found[-1]))
    return list(found)


def test_every_kind_of_dream_comes_to_its_end():
    assert {kind: phases(kind) for kind in get_args(DreamKind)} == {
        "omni": ["deduction", "induction", "card", "done"],
        "card_refresh": ["card", "done"],
    }


def test_contradictions_and_patterns_need_two_sources():
    assert (sources_needed("deductive"), sources_needed("contradiction"), sources_needed("inductive")) == (1, 2, 2)
