"""A server on this machine that speaks the JSON protocol of AWS Secrets Manager, as far as secrets are read."""

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self, cast

_TYPE = "application/x-amz-json-1.1"


class SecretsServer:
    """Gives `secrets`, by ARN, while entered. `asked` are the ARNs it was asked for."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = secrets
        self.asked: list[str] = []
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, arn: str) -> tuple[int, dict[str, object]]:
        """Status and body, as AWS gives them."""
        self.asked.append(arn)
        if arn not in self.secrets:
            text = "Secrets Manager can't find the specified secret."
            return 400, {"__type": "ResourceNotFoundException", "Message": text}
        name = arn.rpartition(":")[2]
        return 200, {"ARN": arn, "Name": name, "SecretString": self.secrets[arn], "VersionStages": ["AWSCURRENT"]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: SecretsServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = cast(dict[str, str], json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        if not is_signed or self.headers.get("X-Amz-Target") != "secretsmanager.GetSecretValue":
            status, answer = 400, {"__type": "InvalidRequestException"}
        else:
            status, answer = cast(_Server, self.server).owner.answer(body["SecretId"])
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", _TYPE)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass
