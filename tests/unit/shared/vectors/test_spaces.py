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
    ("dimensions", "kind"), [(256, "vector"), (1023, "vector"), (1024, "halfvec"), (3072, "halfvec")]
)
def test_vectors_of_many_dimensions_are_halved_and_have_signs(dimensions: int, kind: str):
    names = table_names(EmbeddingSpace("m", dimensions))
    assert names.vector_type == kind
    assert names.has_signs == (kind == "halfvec")
