"""When two conclusions are equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.conclusion import content_hash, normal_form


@pytest.mark.parametrize(
    "same", ["ada sings", "Ada  sings.", " ada\nsings", "ADA SINGS...", "ada\u00a0sings", "ada sings. "]
)
def test_hash_ignores_white_space_case_and_final_full_stops(same: str):
    assert content_hash(same) == content_hash("ada sings")


@pytest.mark.parametrize("other", ["ada sings!", "adasings", "ada.sings", "ada sang", ""])
def test_hash_tells_other_texts_apart(other: str):
    assert content_hash(other) != content_hash("ada sings")


@given(st.text())
def test_normal_form_is_its_own(text: str):
    assert " ".join(normal_form(text).split()) == normal_form(text).strip()
    assert content_hash(normal_form(text).upper()) == content_hash(normal_form(text).upper().lower().upper())


@given(st.text())
def test_hash_is_hexadecimal_of_one_length(text: str):
    assert len(content_hash(text)) == 64
    assert set(content_hash(text)) <= set("0123456789abcdef")
