"""Identifiers: made by the server, or named by the caller."""

import re
import secrets
import string

from shared.domain.errors import NameInvalid

_ALPHABET = string.ascii_letters + string.digits + "_-"
_ID_LENGTH = 21
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
MAX_NAME_LENGTH = 512
SCOPE_PREFIX = "scope."
# Not a tenant's: what happens there is neither charged nor listed.
CANARY_WORKSPACE = "honcho-canary"


def new_id() -> str:
    """A fresh 21-character id of `[A-Za-z0-9_-]`: 126 random bits."""
    # 64 letters: every byte maps to one of them without bias.
    return "".join(_ALPHABET[byte & 63] for byte in secrets.token_bytes(_ID_LENGTH))


def is_name(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def checked_name(text: str, what: str) -> str:
    """`text` if it may name a workspace, peer or session; `NameInvalid` otherwise."""
    if not is_name(text):
        raise NameInvalid(f"{what} must be 1 to {MAX_NAME_LENGTH} characters of letters, digits, '_' and '-'")
    return text


def is_scope(peer: str) -> bool:
    return peer.startswith(SCOPE_PREFIX)
