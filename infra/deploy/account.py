"""The AWS account that the credentials of this machine lead to. Typed edges over the untyped client library."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

Fields = dict[str, Any]

# The library's many ways to say that nobody is logged in. Names and not classes: some are made at run time.
_NOT_LOGGED_IN: Final = frozenset(
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound SSOTokenLoadError "
    "UnauthorizedSSOTokenError TokenRetrievalError SSOError InvalidConfigError LoginError ConfigParseError".split()
)
_EXPIRED: Final = frozenset("ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired".split())
_REFUSED: Final = frozenset("InvalidClientTokenId SignatureDoesNotMatch UnrecognizedClientException".split())
_LOG_IN: Final = (
    "Log in first: `aws sso login` or `aws configure` with the AWS CLI, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN). Nothing was built or changed."
)


class Refused(Exception):
    """It cannot be done; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is deploying, and where."""

    number: str
    arn: str
    region: str
    session: Any

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def pages(self, service: str, operation: str, **asked: object) -> Iterator[Fields]:
        """Every page of an operation's answer."""
        yield from self.client(service).get_paginator(operation).paginate(**asked)


def open_account(region: str | None) -> Account:
    """The account of the environment's credentials. Raises `Refused` when there are none, or they do not hold."""
    try:
        # Half a second, and no other verb needs it.
        import boto3

        session = cast(Any, boto3).Session(region_name=region)
        if session.region_name is None:
            raise Refused("No region is set: give --region eu-central-1 (or yours), or set AWS_REGION.")
        who = cast(Fields, session.client("sts").get_caller_identity())
    except ClientError as error:
        raise Refused(_of_aws(error)) from error
    except BotoCoreError as error:
        raise Refused(_of_here(error, region or os.environ.get("AWS_REGION"))) from error
    return Account(str(who["Account"]), str(who["Arn"]), str(session.region_name), session)


def code_of(error: ClientError) -> str:
    """AWS's name for what went wrong."""
    return str(cast(Fields, error.response).get("Error", {}).get("Code", ""))


def _of_aws(error: ClientError) -> str:
    code = code_of(error)
    if code in _EXPIRED:
        return f"The AWS credentials of this machine have expired ({code}). {_LOG_IN}"
    if code in _REFUSED:
        return f"AWS does not know the credentials of this machine ({code}): deleted, or mistyped. {_LOG_IN}"
    return f"AWS did not say who the credentials of this machine belong to: {error}. {_LOG_IN}"


def _of_here(error: BotoCoreError, region: str | None) -> str:
    name = type(error).__name__
    if name in _NOT_LOGGED_IN:
        return f"There are no AWS credentials on this machine that can be used ({name}: {error}). {_LOG_IN}"
    return f"AWS could not be reached in the region {region}: {name}: {error}. Check the region's name and the network."
