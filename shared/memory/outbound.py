"""One request to an address that somebody else chose: looked up once, checked, and connected to as it was checked.

Written over sockets: HTTP clients look a name up again when they connect, follow redirects, heed proxies, and
bound single reads instead of the whole.
"""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from time import monotonic
from typing import Final, TypeAlias
from urllib.parse import SplitResult

from shared.domain.errors import ServiceError, Unavailable
from shared.domain.webhook import is_public

_LONGEST_STATUS_LINE: Final = 4096
_PORTS: Final[Mapping[str | None, int]] = {"http": 80, "https": 443}
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]


class AddressForbidden(ServiceError):
    """The host stands for an address that is not public."""


class EndpointFailed(Unavailable):
    """The endpoint did not take the request."""


def addresses(host: str, port: int) -> list[str]:
    """What the machine's resolver says that `host` stands for, in its order."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def post(
    url: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allows_private: bool,
    resolve: Resolve = addresses,
) -> int:
    """Send `body`; gives the status of the answer, which is not read any further. Redirects are not followed.

    Raises `AddressForbidden` when one of the host's addresses is not public, `EndpointFailed` for everything
    that happens on the way. `timeout_s` bounds all of it but the look-up.
    """
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise EndpointFailed("the host was not found") from error
    if not found:
        raise EndpointFailed("the host was not found")
    # All of them: a name that stands for both kinds is somebody's attempt.
    if not allows_private and not all(is_public(ip_address(address.partition("%")[0])) for address in found):
        raise AddressForbidden
    deadline = monotonic() + timeout_s
    try:
        with _connected(found, port, deadline) as plain, _secured(plain, url, host) as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(_request(url, host, body, headers))
            return _status(connection, deadline)
    except (OSError, ValueError) as error:
        # The kind says enough; a text could carry what the other side wrote.
        raise EndpointFailed(f"no answer: {type(error).__name__}") from error


def _connected(found: Sequence[str], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one."""
    for number, address in enumerate(found, 1):
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except OSError:
            if number == len(found):
                raise
    raise TimeoutError


def _secured(plain: socket.socket, url: SplitResult, host: str) -> socket.socket:
    """Encrypted for https; the certificate must be that of the name, not of the address."""
    if url.scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _request(url: SplitResult, host: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    named = f"[{host}]" if ":" in host else host
    lines = {
        "Host": f"{named}:{url.port}" if url.port else named,
        **headers,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _status(connection: socket.socket, deadline: float) -> int:
    """The number in the first line. Raises `ValueError` for what is no HTTP."""
    line = b""
    while b"\n" not in line:
        if len(line) > _LONGEST_STATUS_LINE:
            raise ValueError("not a status line")
        connection.settimeout(_left(deadline))
        part = connection.recv(_LONGEST_STATUS_LINE)
        if not part:
            raise ConnectionError("closed without an answer")
        line += part
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("not a status line")
    return int(rest[:3])


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
