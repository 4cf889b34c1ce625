"""S3 by path: as much of it as uploads, look-ups and clearing away need."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from tests.support.aws.protocol import Answer, Fault


@dataclass
class Buckets:
    """The objects by `bucket/key`; every bucket that is named exists, unless it is in `missing`."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    missing: set[str] = field(default_factory=set[str])
    _parts: dict[str, dict[int, bytes]] = field(default_factory=dict[str, dict[int, bytes]])

    def serve(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        path, _, query = target.partition("?")
        place, asked = unquote(path.lstrip("/")), parse_qs(query, keep_blank_values=True)
        bucket, _, key = place.partition("/")
        if bucket in self.missing:
            raise Fault("NoSuchBucket", "The specified bucket does not exist", 404)
        body = _plain(headers, raw)
        if "uploads" in asked or "uploadId" in asked:
            return self._in_parts(method, place, asked, body)
        if not key:
            return self._of_bucket(bucket, asked, body)
        return self._of_object(method, place, body)

    def _of_object(self, method: str, place: str, body: bytes) -> Answer:
        if method == "PUT":
            self.objects[place] = body
        elif method == "DELETE":
            self.objects.pop(place, None)
        elif place not in self.objects:
            raise Fault("NoSuchKey", "The specified key does not exist.", 404)
        return Answer(200, self.objects[place] if method == "GET" else b"", "binary/octet-stream")

    def _of_bucket(self, bucket: str, asked: Mapping[str, list[str]], body: bytes) -> Answer:
        if "delete" in asked:
            keys = re.findall(r"<Key>([^<]+)</Key>", body.decode())
            for key in keys:
                self.objects.pop(f"{bucket}/{key}", None)
            return _xml("DeleteResult", "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys))
        prefix = asked.get("prefix", [""])[0]
        keys = [place.partition("/")[2] for place in self.objects if place.startswith(f"{bucket}/{prefix}")]
        versions = "".join(f"<Version><Key>{escape(key)}</Key><VersionId>1</VersionId></Version>" for key in keys)
        return _xml("ListVersionsResult", f"<Name>{bucket}</Name><IsTruncated>false</IsTruncated>{versions}")

    def _in_parts(self, method: str, place: str, asked: Mapping[str, list[str]], body: bytes) -> Answer:
        if method == "POST" and "uploads" in asked:
            self._parts[place] = {}
            return _xml("InitiateMultipartUploadResult", "<UploadId>1</UploadId>")
        parts = self._parts[place]
        if method == "PUT":
            parts[int(asked["partNumber"][0])] = body
            return Answer(200, b"", "text/plain")
        self.objects[place] = b"".join(parts[number] for number in sorted(parts))
        return _xml("CompleteMultipartUploadResult", "")


def etag(answer: Answer) -> str:
    return f'"{hashlib.md5(answer.body, usedforsecurity=False).hexdigest()}"'


def _xml(name: str, inner: str) -> Answer:
    return Answer(200, f"<{name}>{inner}</{name}>".encode(), "application/xml")


def _plain(headers: Mapping[str, str], raw: bytes) -> bytes:
    """The body without the chunks and the checksum that the client may wrap it in."""
    if "aws-chunked" not in headers.get("content-encoding", ""):
        return raw
    found, at = b"", 0
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].split(b";")[0], 16)
        if size == 0:
            return found
        found += raw[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
