"""How long a body says it is: known before any of it is read, to the application and to the local door."""

from collections.abc import Iterable


def announced_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The body's length as its header has it; 0 when it says nothing, or nothing that is a number."""
    announced: bytes = next((value for name, value in headers if name == b"content-length"), b"")
    # Twenty digits tell enough: longer numbers would only take longer to read.
    return int(announced[:20]) if announced.isdigit() else 0
