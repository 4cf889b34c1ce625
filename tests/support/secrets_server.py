"""A server on this machine that speaks the JSON protocol of AWS Secrets Manager, as far as secrets are read."""

import json
from collections.abc import Mapping
from typing import cast

from tests.support.served import QuietHandler, Served

_TYPE = "application/x-amz-json-1.1"


class SecretsServer(Served):
    """Gives `secrets`, by ARN, while entered. `asked` are the ARNs it was asked for."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(_Handler)
        self.secrets = secrets
        self.asked: list[str] = []

    def answer(self, arn: str) -> tuple[int, dict[str, object]]:
        """Status and body, as AWS gives them."""
        self.asked.append(arn)
        if arn not in self.secrets:
            text = "Secrets Manager can't find the specified secret."
            return 400, {"__type": "ResourceNotFoundException", "Message": text}
        name = arn.rpartition(":")[2]
        return 200, {"ARN": arn, "Name": name, "SecretString": self.secrets[arn], "VersionStages": ["AWSCURRENT"]}


class _Handler(QuietHandler):
    def do_POST(self) -> None:
        body = cast(dict[str, str], json.loads(self.body()))
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        if not is_signed or self.headers.get("X-Amz-Target") != "secretsmanager.GetSecretValue":
            status, answer = 400, {"__type": "InvalidRequestException"}
        else:
            status, answer = self.server.owner.answer(body["SecretId"])
        self.answer(status, json.dumps(answer).encode(), {"Content-Type": _TYPE})
