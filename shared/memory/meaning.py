"""Texts to vectors, in the space that a workspace has."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain.errors import Invalid
from shared.domain.vector import EmbeddingSpace, Placed, Vector
from shared.llm.provider import Embedder
from shared.settings.choice import embedding_spec, spec_of_space


def embedder(backends: Backends, workspace: str) -> Embedder:
    """The embedder of the space that is read."""
    choice = backends.spaces.of(backends.db, workspace)
    return backends.models.embedder() if choice is None else backends.models.embedder_in(choice.read)


def embed(backends: Backends, workspace: str, texts: Sequence[str]) -> list[Vector]:
    """One vector per text, each of which says its space. Raises as an embedder does."""
    own = embedder(backends, workspace)
    return [Placed(vector, own.space) for vector in own.embed(texts)]


def most_tokens(backends: Backends, workspace: str) -> int:
    """The tokens of one piece that the models of all spaces of the workspace read to the end."""
    choice = backends.spaces.of(backends.db, workspace)
    if choice is None:
        return embedding_spec(backends.settings).max_input_tokens
    return min(tokens_read(backends, space) for space in (choice.read, choice.beside) if space is not None)


def tokens_read(backends: Backends, space: EmbeddingSpace) -> int:
    """How much of one text the model of `space` reads."""
    try:
        return spec_of_space(backends.settings, space.model, space.dimensions).max_input_tokens
    except Invalid:
        # Out of reach for now: whoever can reach it again fills it.
        return embedding_spec(backends.settings).max_input_tokens
