"""Which requests only read: they may run twice, and writers must not crowd them out."""

import re
from typing import Final

_READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Many reads are POSTs, because their filters are bodies. A chat writes nothing but the name of who asks.
_READING_POSTS: Final = re.compile(r"/(?:list|search|query|representation|context|chat|peers/[^/]+/sessions)/?$")


def is_read(method: str, path: str) -> bool:
    """Whether the request leaves what is stored as it is."""
    return method in _READING_METHODS or (method == "POST" and _READING_POSTS.search(path) is not None)
