"""One server that speaks Anthropic's protocol, reached through the anthropic SDK; its errors become ours here."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from shared.domain.errors import ModelRefused, ModelUnavailable, ServiceError
from shared.domain.json import JsonObject
from shared.llm.failures import Declined, answered
from shared.llm.wire import as_answer, as_object, in_time

if TYPE_CHECKING:
    import anthropic
    from anthropic import Anthropic, Timeout
    from anthropic._types import RequestOptions

VENDOR_URL: Final = "https://api.anthropic.com"
_PATH: Final = "/v1/messages"
_CONNECT_S: Final = 5.0
# What an error in the middle of a stream is called when it will not pass.
_LASTING: Final = frozenset(
    {"invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error"}
)


class Endpoint:
    """A server's address and key. Its one client is made by the first call and serves every thread."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self.declined = Declined()

    @cached_property
    def _client(self) -> "Anthropic":
        # The import takes half a second; a process that calls no model never pays it.
        from anthropic import Anthropic

        return Anthropic(base_url=self._base_url, api_key=self._api_key, max_retries=0)

    def post(self, body: Mapping[str, object], *, name: str, timeout_s: float) -> JsonObject:
        """The server's JSON answer. `name` is the model's, for messages."""
        # `post` with plain objects instead of the typed resources: the same client, half the CPU of a call.
        client = self._client
        with _translated(name):
            found = client.post(_PATH, cast_to=object, body={**body}, options={"timeout": _timeout(timeout_s)})
            answer = as_answer(found, name)
        if answer.get("type") == "error":
            raise _in_band(name, answer)
        return answer

    def stream(self, body: Mapping[str, object], *, name: str, timeout_s: float) -> Generator[JsonObject]:
        """The server's events. The request is sent when the first one is asked for."""
        ends = monotonic() + timeout_s
        client = self._client
        from anthropic import Stream

        options: RequestOptions = {"timeout": _timeout(timeout_s)}
        with (
            _translated(name),
            client.post(
                _PATH, cast_to=object, body={**body}, options=options, stream=True, stream_cls=Stream[object]
            ) as events,
        ):
            for event in in_time(events, name, ends=ends):
                if isinstance(event, dict):
                    yield cast(JsonObject, event)


@cache
def endpoint(base_url: str | None, api_key: str | None) -> Endpoint:
    """The endpoint of that address and key, one per process."""
    # Never None for the SDK: it would look for an address and a key in the environment and on the disk instead.
    return Endpoint(base_url or VENDOR_URL, api_key or "none")


def _timeout(seconds: float) -> "Timeout":
    from anthropic import Timeout

    return Timeout(seconds, connect=min(seconds, _CONNECT_S))


@contextmanager
def _translated(name: str) -> Generator[None]:
    import anthropic
    import httpx2

    try:
        yield
    except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelUnavailable(f"{name} did not answer in time") from error
    except (anthropic.APIConnectionError, httpx2.TransportError, httpx2.StreamError) as error:
        raise ModelUnavailable(f"{name} cannot be reached") from error
    except anthropic.APIStatusError as error:
        raise _refusal(name, error) from error
    except anthropic.AnthropicError as error:
        raise ModelUnavailable(f"{name} gave an answer that cannot be read") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelUnavailable(f"{name} answered with broken JSON") from error


def _refusal(name: str, error: "anthropic.APIStatusError") -> ServiceError:
    # Within a stream that began well, the error arrives as an event under the status of the beginning.
    if error.status_code < 400:
        return _in_band(name, as_object(error.body))
    return answered(
        name,
        error.status_code,
        error.error_code or error.type,
        said=error.api_message or str(error.message),
        headers=error.response.headers,
    )


def _in_band(name: str, body: JsonObject) -> ServiceError:
    kind = as_object(body.get("error")).get("type")
    if kind in _LASTING:
        return ModelRefused(f"{name} refused the request ({kind})")
    return ModelUnavailable(f"{name} broke off")
