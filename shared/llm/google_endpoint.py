"""Google's Gemini API, reached through the google-genai SDK; its errors become ours here."""

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, cast

from shared.domain.errors import ModelUnavailable, ServiceError
from shared.domain.json import JsonObject
from shared.domain.vector import Vector
from shared.llm.failures import Declined, answered
from shared.llm.google_requests import Asked
from shared.llm.wire import as_list, as_object, as_text, in_time

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.errors import APIError
    from google.genai.types import EmbedContentResponse, GenerateContentResponse

VENDOR_URL: Final = "https://generativelanguage.googleapis.com"
_VERSION: Final = "v1beta"
_DELAY: Final = re.compile(r"(\d+(?:\.\d+)?)s")


class _Models(Protocol):
    """What is used of the SDK. Its own types allow much more, and are partly unknown."""

    def generate_content(
        self, *, model: str, contents: Sequence[JsonObject], config: Mapping[str, object]
    ) -> "GenerateContentResponse": ...

    def generate_content_stream(
        self, *, model: str, contents: Sequence[JsonObject], config: Mapping[str, object]
    ) -> "Iterator[GenerateContentResponse]": ...

    def embed_content(
        self, *, model: str, contents: Sequence[JsonObject], config: Mapping[str, object]
    ) -> "EmbedContentResponse": ...


class Endpoint:
    """An address and a key. Its one client is made by the first call and serves every thread."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self.declined = Declined()

    @cached_property
    def _client(self) -> "Client":
        # The import takes half a second; a process that calls no model never pays it.
        from google.genai import Client

        # All is said here that the SDK would look for in the environment. Without retry options it tries once.
        return Client(
            vertexai=False, api_key=self._api_key, http_options={"base_url": self._base_url, "api_version": _VERSION}
        )

    @property
    def _models(self) -> _Models:
        # The client is kept, not its models alone: forgotten, it closes its connections.
        return cast(_Models, self._client.models)

    def generate(self, model: str, asked: Asked, *, name: str, timeout_s: float) -> JsonObject:
        """The answer as JSON. `name` is the model's, for messages."""
        models = self._models
        with _translated(name):
            found = models.generate_content(model=model, contents=asked.contents, config=_config(asked, timeout_s))
        return _as_json(found)

    def stream(self, model: str, asked: Asked, *, name: str, timeout_s: float) -> Generator[JsonObject]:
        """The answer's chunks. The request is sent when the first one is asked for."""
        ends = monotonic() + timeout_s
        models = self._models
        with _translated(name):
            config = _config(asked, timeout_s)
            chunks = models.generate_content_stream(model=model, contents=asked.contents, config=config)
            for chunk in in_time(chunks, name, ends=ends):
                yield _as_json(cast("GenerateContentResponse", chunk))

    def embed(
        self, model: str, texts: Sequence[str], *, dimensions: int, name: str, timeout_s: float
    ) -> tuple[list[Vector | None], int | None]:
        """One vector per text, None for what is none, and the tokens where they are told.

        Only at the vendor's full size are vectors of length 1.
        """
        # One content each: newer models fold a plain list of texts into one document.
        contents: list[JsonObject] = [{"parts": [{"text": text}]} for text in texts]
        config = {"output_dimensionality": dimensions, "http_options": _patience(timeout_s)}
        models = self._models
        with _translated(name):
            found = models.embed_content(model=model, contents=contents, config=config)
        usage = found.usage_metadata
        return [one.values for one in found.embeddings or []], usage.prompt_token_count if usage else None


@cache
def endpoint(base_url: str | None, api_key: str | None) -> Endpoint:
    """The endpoint of that address and key, one per process."""
    # Never None for the SDK: it would take an address and a key from the environment instead.
    return Endpoint(base_url or VENDOR_URL, api_key or "none")


def _config(asked: Asked, timeout_s: float) -> JsonObject:
    return {
        **asked.config,
        "http_options": _patience(timeout_s),
        # One call is one request, whatever the SDK would like to add of its own.
        "automatic_function_calling": {"disable": True},
        "automatic_continuation": False,
    }


def _patience(timeout_s: float) -> JsonObject:
    return {"timeout": max(1, int(timeout_s * 1000))}


def _as_json(found: "GenerateContentResponse") -> JsonObject:
    return cast(JsonObject, found.model_dump(mode="json", by_alias=True, exclude_none=True))


@contextmanager
def _translated(name: str) -> Generator[None]:
    import httpx
    import httpx2
    from google.genai import errors

    # The SDK takes either of the two libraries.
    try:
        yield
    except (httpx.TimeoutException, httpx2.TimeoutException) as error:
        raise ModelUnavailable(f"{name} did not answer in time") from error
    except (httpx.TransportError, httpx2.TransportError, httpx.StreamError, httpx2.StreamError) as error:
        raise ModelUnavailable(f"{name} cannot be reached") from error
    except errors.APIError as error:
        raise _refusal(name, error) from error
    except (json.JSONDecodeError, UnicodeDecodeError, ValueError) as error:
        # Among them the SDK's own for what is no JSON, and for JSON of another shape.
        raise ModelUnavailable(f"{name} gave an answer that cannot be read") from error


def _refusal(name: str, error: "APIError") -> ServiceError:
    response = cast(object, getattr(error, "response", None))
    headers = cast(Mapping[str, str], getattr(response, "headers", {}))
    status = error.code if isinstance(cast(object, error.code), int) and error.code >= 400 else 500
    return answered(name, status, error.status, said=str(error.message or ""), headers=headers, wait_s=_wait_s(error))


def _wait_s(error: "APIError") -> float | None:
    """The seconds to wait that the details of the error name, as they do when a quota is used up."""
    details = as_object(as_object(cast(object, error.details)).get("error")).get("details")
    for detail in as_list(details):
        if found := _DELAY.fullmatch(as_text(as_object(detail).get("retryDelay"))):
            return float(found[1])
    return None
