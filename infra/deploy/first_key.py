"""Keys for a deployed stack, signed on this machine with the stack's own secret."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from infra.deploy.account import Account, Refused, code_of
from infra.deploy.stack import Stack, resources
from shared.domain.errors import ServiceError
from shared.domain.principal import Principal
from shared.memory import keys
from shared.settings.secret import is_arn, secret_text
from shared.settings.sections import AuthSettings

SECRET = "KeySecret"
_PARAMETER = "JwtSecret"
_HOUR = timedelta(hours=1)


def asks_for_keys(stack: Stack) -> bool:
    """Whether the service of this stack wants to see keys at all."""
    return stack.parameters.get("UseAuth", "true") == "true"


def signing_secret(account: Account, stack: Stack, values: Mapping[str, str]) -> str:
    """The secret that signs this stack's keys. Raises `Refused` when it cannot be had.

    A secret that was given as a parameter cannot be read again, except in the very deploy that gives it.
    """
    chosen = values.get(_PARAMETER, "")
    if chosen and not is_arn(chosen):
        return chosen
    arn = chosen or next((one.physical for one in resources(account, stack.arn) if one.path == SECRET), "")
    if not arn:
        raise Refused(
            f"The stack signs keys with a secret of yours ({_PARAMETER}): with AUTH_JWT_SECRET set to it,"
            " `python3 -m infra key --admin` prints a key."
        )
    return _read(account, arn)


def _read(account: Account, arn: str) -> str:
    try:
        # One key of an object, or another region: the settings know how.
        if "#" in arn:
            return secret_text(arn)
        return str(account.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    except ClientError as error:
        raise Refused(f"Secrets Manager does not give the secret that signs keys: {code_of(error)}") from error
    except (BotoCoreError, ServiceError) as error:
        raise Refused(f"The secret that signs keys cannot be read: {error}") from error


def lasting(secret: str) -> str:
    """An admin key without an end, for whoever deployed."""
    return _issue(secret, None)


def passing(secret: str) -> str:
    """An admin key for an hour, for the smoke test."""
    return _issue(secret, _HOUR)


def _issue(secret: str, span: timedelta | None) -> str:
    now = datetime.now(UTC)
    auth = AuthSettings(jwt_secret=SecretStr(secret))
    return keys.issue(auth, Principal(is_admin=True), now=now, expires_at=None if span is None else now + span).token
