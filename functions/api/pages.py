"""Pages of lists as the API answers them."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field
from starlette.responses import Response

from functions.api.answers import answer
from shared.domain import page
from shared.domain.page import PageRequest

T = TypeVar("T")
S = TypeVar("S")

NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Page(BaseModel, Generic[T]):
    """One page, and how many there are."""

    items: list[T]
    total: NotNegative
    page: Positive
    size: Positive
    pages: NotNegative


def envelope(found: page.Page[S], request: PageRequest, shown: Callable[[S], T]) -> Response:
    """`found` as the page that was asked for, each item as `shown`."""
    return answer(
        {
            "items": [shown(item) for item in found.items],
            "total": found.total,
            "page": request.page,
            "size": request.size,
            "pages": -(-found.total // request.size),
        }
    )
