"""The fields beside an uploaded file: JSON and a time, as text."""

import json
from datetime import datetime
from typing import Any, Self

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from functions.api.wire.configuration import MessageConfiguration
from functions.api.wire.fields import GivenMoment, Metadata, Wire


class UploadDetails(Wire):
    """What every message made of the file is to carry."""

    metadata: Metadata | None = None
    configuration: MessageConfiguration | None = None
    created_at: GivenMoment | None = None

    @classmethod
    def read(cls, metadata: str | None, configuration: str | None, created_at: str | None) -> Self:
        """What the texts say. Text that cannot be read counts as not given; what it says must be valid."""
        given = {
            "metadata": _json(metadata),
            "configuration": _json(configuration),
            "created_at": _moment(created_at),
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise RequestValidationError(
                [{**finding, "loc": ("body", *finding["loc"])} for finding in error.errors()]
            ) from error


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text.strip())
    except ValueError:
        return None
