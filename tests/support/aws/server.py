"""The account's address: one HTTP server for every service, told apart by the signature as AWS does."""

import os
import re
from collections.abc import Mapping
from threading import Lock

from tests.support.aws.account import LocalAccount
from tests.support.aws.bucket import etag
from tests.support.aws.protocol import Answer, Fault, read_call, write_answer, write_fault
from tests.support.served import QuietHandler, Served

_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


class AwsServer(Served):
    """Serves `account` while entered. `environment` leads the clients of this process's children here."""

    def __init__(self, account: LocalAccount) -> None:
        super().__init__(_Handler)
        self.account = account
        self.asked: list[str] = []
        self._one_at_a_time = Lock()

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
            return self.account.serve_lambda(method, target, body)
        call = read_call(service, headers, body)
        self.asked.append(f"{service}.{call.operation}")
        return write_answer(call, self.account.serve(call))


class _Handler(QuietHandler):
    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner: AwsServer = self.server.owner
        answer, service = owner.answer(self.command, self.path, headers, self.body())
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if service == "s3":
            self.send_header("ETag", etag(answer))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve
