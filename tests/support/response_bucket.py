"""A server in the place of the bucket that CloudFormation reads answers from: it takes what S3 would take."""

import json
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self, cast
from urllib.parse import urlsplit

_SIGNED = "AWSAccessKeyId=AKIDEXAMPLE&Expires=1796000000&Signature=a%2Bb%2Fc%3D&x-amz-security-token=FwoG%2F%2F"
_MOST_BYTES = 4096


class ResponseBucket:
    """Takes answers while entered. `answers` are those it took; before that it gives the statuses in `refusals`."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.refusals: deque[int] = deque()
        self.attempts = 0
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.bucket = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def address(self) -> str:
        """A signed address, as CloudFormation makes them: the key is percent-encoded, the signature in the query."""
        key = "arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/honcho/1a2b%7CMigration%7C3c4d"
        return f"http://127.0.0.1:{self._http.server_address[1]}/{key}?{_SIGNED}"

    def status(self, path: str, content_type: str | None, body: bytes) -> int:
        """What S3 answers: a request that is not the signed one is refused."""
        self.attempts += 1
        if self.refusals:
            return self.refusals.popleft()
        signed = urlsplit(self.address)
        if path != f"{signed.path}?{signed.query}" or content_type != "":
            return 403
        if len(body) > _MOST_BYTES:
            return 400
        self.answers.append(cast(dict[str, Any], json.loads(body)))
        return 200

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bucket: ResponseBucket


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = cast(_Server, self.server).bucket.status(self.path, self.headers.get("Content-Type"), body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
