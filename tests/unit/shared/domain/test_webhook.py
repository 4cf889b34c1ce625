"""Which addresses a webhook may have, and what it is told."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from shared.domain.webhook import MAX_URL_LENGTH, WebhookEvent, WebhookUrlInvalid, checked_url, is_public, signature


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://example.com:8080",
        "http://localhost:9000/x?y=1",
        "http://8.8.8.8/",
        "https://[2606:4700:4700::1111]/hook",
        "https://example.com/" + "x" * (MAX_URL_LENGTH - 20),
    ],
)
def test_checked_url_takes_hosts_and_public_addresses(url: str):
    assert checked_url(url, allows_private=False).geturl() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://example.com:99999",
        "http://example.com:0",
        "http://exa mple.com",
        "http://example.com/\r\nX-Injected: 1",
        "http://user:secret@example.com",
        "http://user@example.com",
        "http://:secret@example.com",
        "http://[::1",
        "https://example.com/" + "x" * (MAX_URL_LENGTH - 19),
    ],
)
def test_checked_url_refuses_what_is_no_address_of_a_webhook(url: str):
    for allows_private in (True, False):
        with pytest.raises(WebhookUrlInvalid):
            checked_url(url, allows_private=allows_private)


FORBIDDEN = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_that_is_not_public_is_refused_unless_private_ones_are_allowed(address: str):
    assert not is_public(ip_address(address))
    url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    with pytest.raises(WebhookUrlInvalid):
        checked_url(url, allows_private=False)
    assert checked_url(url, allows_private=True).hostname == address


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_address_of_the_internet_is_public(address: str):
    assert is_public(ip_address(address))


def test_event_is_sent_as_compact_json_with_sorted_keys_and_signed_as_it_is():
    about = {"workspace_id": "w", "session_id": "s", "observed": "ada", "observer": None, "queue_type": "summary"}
    event = WebhookEvent("e1", "queue.empty", about, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    expected = (
        b'{"data":{"observed":"ada","observer":null,"queue_type":"summary","session_id":"s","workspace_id":"w"},'
        b'"timestamp":"2026-01-02T03:04:05Z","type":"queue.empty"}'
    )
    assert event.body() == expected
    assert json.loads(event.body())["data"] == about
    assert signature(event.body(), "key") == hmac.new(b"key", expected, hashlib.sha256).hexdigest()
