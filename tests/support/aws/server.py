"""The account's address: one HTTP server for every service, told apart by the signature as AWS does."""

import os
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Self

from tests.support.aws.account import LocalAccount
from tests.support.aws.bucket import etag
from tests.support.aws.protocol import Answer, Fault, read_call, write_answer, write_fault

_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


class AwsServer:
    """Serves `account` while entered. `environment` leads the clients of this process's children here."""

    def __init__(self, account: LocalAccount) -> None:
        self.account = account
        self.asked: list[str] = []
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._one_at_a_time = Lock()
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.account.key_id,
            "AWS_SECRET_ACCESS_KEY": "of the tests",
            "AWS_REGION": self.account.region,
            "AWS_DEFAULT_REGION": self.account.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Answer, str]:
        signed = _SCOPE.search(headers.get("authorization", ""))
        service = signed[3] if signed is not None else "sts"
        with self._one_at_a_time:
            try:
                if signed is None:
                    raise Fault("MissingAuthenticationToken", "Missing Authentication Token", 403)
                self.account.admit(signed[1])
                return self._serve(service, method, target, headers, body), service
            except Fault as fault:
                return write_fault(service, fault), service

    def _serve(self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if service == "s3":
            return self.account.buckets.serve(method, target, headers, body)
        if service == "lambda":
            return self.account.serve_lambda(method, target)
        call = read_call(service, headers, body)
        self.asked.append(f"{service}.{call.operation}")
        return write_answer(call, self.account.serve(call))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: AwsServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # always made by _Server

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        answer, service = self.server.owner.answer(self.command, self.path, headers, body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if service == "s3":
            self.send_header("ETag", etag(answer))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

    def log_message(self, format: str, *args: object) -> None:
        pass
