"""Custom instructions: text of the caller that ends up in prompts, and so is limited."""

from collections.abc import Iterator, Mapping

from shared.domain.errors import Invalid
from shared.domain.json import Json
from shared.llm import tokens
from shared.settings import Settings

_KEY = "custom_instructions"


def check_instructions(settings: Settings, configuration: Mapping[str, Json]) -> None:
    """Raises `Invalid` when instructions anywhere in `configuration` are longer than the server allows."""
    limit = settings.deriver.max_custom_instructions_tokens
    for text in _texts(configuration):
        if text and limit == 0:
            raise Invalid("custom instructions are switched off on this server")
        # A token is at least one byte: short texts need no counting.
        if len(text.encode()) > limit and tokens.count(text) > limit:
            raise Invalid(f"custom instructions must have at most {limit} tokens")


def _texts(configuration: Mapping[str, Json]) -> Iterator[str]:
    for level in (configuration, *(section for section in configuration.values() if isinstance(section, dict))):
        text = level.get(_KEY)
        if isinstance(text, str):
            yield text
