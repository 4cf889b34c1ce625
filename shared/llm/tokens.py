"""Counting tokens with o200k_base, the vocabulary of everything that is counted here."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

_RANKS = Path(__file__).parents[2] / "layers" / "models" / "encodings"


@cache
def _encoding() -> "Encoding":
    # The ranks come with the layer: tiktoken would download them on first use, which a VPC forbids.
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(_RANKS))
    import tiktoken

    return tiktoken.get_encoding("o200k_base")


def count(text: str) -> int:
    """Tokens of `text`; the text of a special token counts as plain text."""
    return len(_encoding().encode_ordinary(text)) if text else 0


def cut(text: str, max_tokens: int) -> str:
    """The longest beginning of `text` with at most `max_tokens` tokens."""
    # A token is at least one byte of UTF-8, so most texts need no encoding at all.
    if len(text.encode()) <= max_tokens:
        return text
    tokens = _encoding().encode_ordinary(text)
    return text if len(tokens) <= max_tokens else _encoding().decode(tokens[:max_tokens]).rstrip("\ufffd")
