"""Webhooks: endpoints, what they are told, and the addresses nobody may make us call."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from shared.domain.clock import iso_z
from shared.domain.errors import Invalid
from shared.domain.json import JsonObject

MAX_URL_LENGTH: Final = 2048
EventType = Literal["queue.empty", "test.event", "budget.soft_limit"]
Address: TypeAlias = IPv4Address | IPv6Address

# RFC 6052: the last four bytes are an IPv4 address, whatever that is.
_NAT64: Final = ip_network("64:ff9b::/96")
# RFC 8215: the same for local use. RFC 6890: for protocols, of which a cloud made one that hands out credentials.
# Older Pythons know neither.
_NOT_PUBLIC: Final = (ip_network("64:ff9b:1::/48"), ip_network("192.0.0.0/24"))
# Not in any private range, and all the same nobody's but the cloud's: Azure's host, which hands out credentials.
_METADATA: Final = frozenset({ip_address("168.63.129.16")})


class WebhookUrlInvalid(Invalid):
    """The address of the webhook is not valid."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of a workspace."""

    workspace: str
    id: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something to tell an endpoint; `data` says what it is about, `id` is the same for every attempt."""

    id: str
    type: EventType
    data: JsonObject
    created_at: datetime

    def body(self) -> bytes:
        """The event as it is sent and signed: compact JSON, keys sorted."""
        fields = {"type": self.type, "data": self.data, "timestamp": iso_z(self.created_at)}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature(body: bytes, secret: str) -> str:
    """What `X-Honcho-Signature` says of `body`."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def checked_url(url: str, *, allows_private: bool) -> SplitResult:
    """The parts of `url` if it may be a webhook's: http or https, a host, no literal address that is not public.

    Host names are not looked up here: what they stand for may change and is checked at each delivery.
    """
    if len(url) > MAX_URL_LENGTH:
        raise WebhookUrlInvalid(f"url must be at most {MAX_URL_LENGTH} characters long")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise WebhookUrlInvalid("url must consist of printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WebhookUrlInvalid("url must have a host, and a port between 1 and 65535 if any") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise WebhookUrlInvalid("url must be http or https and name a host")
    if parts.username is not None or parts.password is not None:
        raise WebhookUrlInvalid("url must not hold a user or a password")
    literal = _literal(host)
    if literal is not None and not allows_private and not is_public(literal):
        raise WebhookUrlInvalid("url must not name a private, local or reserved address")
    return parts


def is_public(address: Address) -> bool:
    """Whether `address` belongs to the public internet and to one machine there; so must an IPv4 address inside it."""
    inner = _inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(inner)
    if address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and address not in _METADATA


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
