"""One server that speaks OpenAI's protocol, reached through the openai SDK; its errors become ours here."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from shared.domain.errors import ModelRefused, ModelUnavailable, ServiceError
from shared.domain.json import JsonObject
from shared.llm.failures import Declined, answered, is_passing
from shared.llm.wire import as_answer, in_time

if TYPE_CHECKING:
    from openai import OpenAI, Timeout
    from openai._types import RequestOptions

VENDOR_URL: Final = "https://api.openai.com/v1"
_CONNECT_S: Final = 5.0


class Endpoint:
    """A server's address and key. Its one client is made by the first call and serves every thread."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self.declined = Declined()

    @cached_property
    def _client(self) -> "OpenAI":
        # The import takes half a second; a process that calls no model never pays it.
        from openai import OpenAI

        client = OpenAI(base_url=self._base_url, api_key=self._api_key, max_retries=0)
        # The SDK reads both from the environment and would send them to any host.
        client.organization = client.project = None
        return client

    def post(self, path: str, body: Mapping[str, object], *, name: str, timeout_s: float) -> JsonObject:
        """The server's JSON answer. `name` is the model's, for messages."""
        # `post` with plain objects instead of the typed resources: the same client, half the CPU of a call.
        client = self._client
        with _translated(name):
            found = client.post(path, cast_to=object, body={**body}, options={"timeout": _timeout(timeout_s)})
            answer = as_answer(found, name)
        if isinstance(error := answer.get("error"), dict):
            raise _in_band(name, error.get("code"))
        return answer

    def stream(self, path: str, body: Mapping[str, object], *, name: str, timeout_s: float) -> Generator[JsonObject]:
        """The server's events. The request is sent when the first one is asked for."""
        ends = monotonic() + timeout_s
        client = self._client
        from openai import Stream

        options: RequestOptions = {"timeout": _timeout(timeout_s)}
        with (
            _translated(name),
            client.post(
                path, cast_to=object, body={**body}, options=options, stream=True, stream_cls=Stream[object]
            ) as events,
        ):
            for event in in_time(events, name, ends=ends):
                if isinstance(event, dict):
                    yield cast(JsonObject, event)


@cache
def endpoint(base_url: str | None, api_key: str | None) -> Endpoint:
    """The endpoint of that address and key, one per process."""
    # Never None for the SDK: it would take OPENAI_BASE_URL and OPENAI_API_KEY from the environment instead.
    return Endpoint(base_url or VENDOR_URL, api_key or "none")


def _timeout(seconds: float) -> "Timeout":
    from openai import Timeout

    return Timeout(seconds, connect=min(seconds, _CONNECT_S))


@contextmanager
def _translated(name: str) -> Generator[None]:
    import openai

    try:
        yield
    except openai.APITimeoutError as error:
        raise ModelUnavailable(f"{name} did not answer in time") from error
    except openai.APIConnectionError as error:
        raise ModelUnavailable(f"{name} cannot be reached") from error
    except openai.APIStatusError as error:
        headers = error.response.headers
        raise answered(name, error.status_code, error.code, said=str(error.message), headers=headers) from error
    except openai.APIError as error:
        raise _in_band(name, error.code) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelUnavailable(f"{name} answered with broken JSON") from error


def _in_band(name: str, code: object) -> ServiceError:
    """An error sent under status 200: by gateways such as OpenRouter, and in the middle of a stream."""
    status = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 500
    if 400 <= status < 500 and not is_passing(status):
        return ModelRefused(f"{name} refused the request (error {status})")
    return ModelUnavailable(f"{name} broke off (error {status})")
