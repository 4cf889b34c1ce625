"""Requests to addresses that others chose: looked up once, checked, and given up in time."""

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from shared.memory.outbound import AddressForbidden, EndpointFailed, addresses, post
from tests.support.listener import Listener

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


def test_post_sends_the_body_and_gives_the_status(listener: Listener):
    listener.statuses = [204]
    status = post(urlsplit(listener.url), b'{"a":1}', HEADERS, timeout_s=5, allows_private=True)
    [request] = listener.received
    assert (status, request.path, request.body) == (204, "/hook?of=tests", b'{"a":1}')
    assert request.headers["host"] == f"127.0.0.1:{listener.port}"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1"])
def test_post_to_what_turns_out_to_be_private_is_refused_before_it_connects(listener: Listener, host: str):
    url = urlsplit(f"http://{host}:{listener.port}/")
    with pytest.raises(AddressForbidden):
        post(url, b"{}", HEADERS, timeout_s=5, allows_private=False)
    assert listener.received == []


@pytest.mark.parametrize("found", [["93.184.216.34", "10.0.0.7"], ["::ffff:10.0.0.7"], ["fe80::1%eth0"]])
def test_post_when_any_address_of_the_name_is_private_is_refused(found: list[str]):
    with pytest.raises(AddressForbidden):
        post(
            urlsplit("http://example.com/"),
            b"{}",
            HEADERS,
            timeout_s=5,
            allows_private=False,
            resolve=lambda _host, _port: found,
        )


def test_post_connects_to_the_address_that_was_checked_and_does_not_look_the_name_up_again(listener: Listener):
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    # A name that no resolver knows: only the address given here can have been connected to.
    url = urlsplit(f"http://hooks.invalid:{listener.port}/x")
    assert post(url, b"{}", HEADERS, timeout_s=5, allows_private=True, resolve=resolve) == 200
    assert asked == ["hooks.invalid"]
    assert listener.received[0].headers["host"] == f"hooks.invalid:{listener.port}"


def test_post_does_not_follow_a_redirect(listener: Listener):
    with Listener() as inner:
        listener.statuses, listener.location = [307], inner.url
        assert post(urlsplit(listener.url), b"{}", HEADERS, timeout_s=5, allows_private=True) == 307
        assert inner.received == []


def test_post_when_nobody_listens_fails():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EndpointFailed):
        post(urlsplit(f"http://127.0.0.1:{port}/"), b"{}", HEADERS, timeout_s=5, allows_private=True)


def test_post_when_the_name_is_unknown_fails():
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such host")

    with pytest.raises(EndpointFailed):
        post(urlsplit("http://nowhere.invalid/"), b"{}", HEADERS, timeout_s=5, allows_private=False, resolve=nowhere)


@pytest.mark.parametrize("drip", [b"", b"H", b"SSH-2.0-x\r\n"])
def test_post_to_something_that_speaks_no_http_fails_within_its_time(drip: bytes):
    """An endpoint that says a byte now and then must not hold the worker longer than one that is silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def say() -> None:
            connection, _ = server.accept()
            with connection:
                while not done.wait(0.05):
                    try:
                        connection.sendall(drip)
                    except OSError:
                        return

        thread = threading.Thread(target=say)
        thread.start()
        try:
            url = urlsplit(f"http://127.0.0.1:{server.getsockname()[1]}/")
            with pytest.raises(EndpointFailed):
                post(url, b"{}", HEADERS, timeout_s=0.4, allows_private=True)
        finally:
            done.set()
            thread.join()


def test_addresses_are_what_the_resolver_says():
    assert "127.0.0.1" in addresses("localhost", 80)


def test_post_to_something_that_cannot_prove_its_name_sends_nothing(listener: Listener):
    with pytest.raises(EndpointFailed):
        post(urlsplit(listener.url.replace("http", "https")), b"{}", HEADERS, timeout_s=5, allows_private=True)
    assert listener.received == []
