"""Which tables a space has."""

import pytest

from shared.domain.vector import EmbeddingSpace
from shared.vectors.spaces import PREFIXES, table_names


def test_table_names_of_one_space_are_always_the_same():
    assert table_names(EmbeddingSpace("m", 256)) == table_names(EmbeddingSpace("m", 256))


def test_table_names_differ_by_model_and_by_dimensions():
    spaces = [EmbeddingSpace("m", 256), EmbeddingSpace("m", 512), EmbeddingSpace("n", 256)]
    assert len({name for space in spaces for name in table_names(space)[:2]}) == 6


def test_table_names_are_plain_whatever_the_model_is_called():
    conclusions, messages, _ = table_names(EmbeddingSpace('vendor/"m"; --', 3))
    for name, prefix in zip((conclusions, messages), PREFIXES, strict=True):
        assert name.startswith(prefix)
        assert set(name.removeprefix(prefix)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("dimensions", "kind"), [(256, "vector"), (1900, "vector"), (1901, "halfvec"), (3072, "halfvec")]
)
def test_vector_type_keeps_a_vector_inside_its_row(dimensions: int, kind: str):
    assert table_names(EmbeddingSpace("m", dimensions)).vector_type == kind
    number_bytes = 4 if kind == "vector" else 2
    assert dimensions * number_bytes < 8000
