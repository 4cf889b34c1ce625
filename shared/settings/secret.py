"""Secrets that are kept in AWS Secrets Manager: a setting may hold the ARN of one instead of its text."""

import json
import re
from functools import cache
from typing import Any, Final, cast

from shared.domain.errors import Invalid

# With `#key` at the end: that key of a secret which is a JSON object.
_ARN: Final = re.compile(r"(arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[^#]+)(?:#(.+))?")
_TIMEOUT_S: Final = 5


class SecretMissing(Invalid):
    """The secret cannot be read."""


def is_arn(value: object) -> bool:
    """Whether a setting names a secret instead of holding one."""
    return isinstance(value, str) and value.startswith("arn:aws")


def secret_text(arn: str) -> str:
    """The secret behind an ARN, asked for once per process. Raises `SecretMissing`, which never shows any of it."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise SecretMissing("is no ARN of a secret: arn:aws:secretsmanager:<region>:<account>:secret:<name>[#key]")
    text = _fetched(match[1], match[2])
    return text if match[3] is None else _member(text, match[3])


def forget_secrets() -> None:
    """Ask anew from now on: a process that lives on must not go by a password that was replaced meanwhile."""
    _fetched.cache_clear()


def _member(text: str, key: str) -> str:
    try:
        document = cast(object, json.loads(text))
    except ValueError:
        document = None
    value = cast(dict[str, object], document).get(key) if isinstance(document, dict) else None
    if value is None:
        raise SecretMissing(f"names a secret without a key '{key}': give one of a JSON object, or none")
    return value if isinstance(value, str) else json.dumps(value)


@cache
def _fetched(arn: str, region: str) -> str:
    # Half of the functions have no secret by ARN and need not wait for the import.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 3})
    try:
        client = cast(Any, boto3).client("secretsmanager", region_name=region, config=patience)
        found = cast(dict[str, object], client.get_secret_value(SecretId=arn))
    except ClientError as error:
        code = cast(dict[str, dict[str, str]], error.response).get("Error", {}).get("Code", "an error")
        raise SecretMissing(f"names a secret that Secrets Manager does not give: {code}") from error
    except BotoCoreError as error:
        raise SecretMissing(f"names a secret, but Secrets Manager cannot be asked: {type(error).__name__}") from error
    text = found.get("SecretString")
    if not isinstance(text, str):
        raise SecretMissing("names a secret that is not text")
    return text
