"""A server in the place of the bucket that CloudFormation reads answers from: it takes what S3 would take."""

import json
from collections import deque
from typing import Any, cast
from urllib.parse import urlsplit

from tests.support.served import QuietHandler, Served

_SIGNED = "AWSAccessKeyId=AKIDEXAMPLE&Expires=1796000000&Signature=a%2Bb%2Fc%3D&x-amz-security-token=FwoG%2F%2F"
_MOST_BYTES = 4096


class ResponseBucket(Served):
    """Takes answers while entered. `answers` are those it took; before that it gives the statuses in `refusals`."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.answers: list[dict[str, Any]] = []
        self.refusals: deque[int] = deque()
        self.attempts = 0

    @property
    def address(self) -> str:
        """A signed address, as CloudFormation makes them: the key is percent-encoded, the signature in the query."""
        key = "arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/honcho/1a2b%7CMigration%7C3c4d"
        return f"{self.url}/{key}?{_SIGNED}"

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


class _Handler(QuietHandler):
    def do_PUT(self) -> None:
        self.answer(self.server.owner.status(self.path, self.headers.get("Content-Type"), self.body()))
