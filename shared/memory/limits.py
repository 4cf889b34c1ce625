"""What is too long to be embedded as a whole."""

from shared.domain.errors import Invalid
from shared.llm import tokens
from shared.settings import Settings


def check_embeddable(settings: Settings, text: str) -> None:
    """Raises `Invalid` when `text` has more tokens than an embedding may read."""
    limit = settings.app.max_embedding_tokens
    # A token is at least one byte: short texts need no counting.
    if len(text.encode()) > limit and tokens.count(text) > limit:
        raise Invalid(f"the text must have at most {limit} tokens")
