"""What routes are given: the backends, and the page that is asked for.

Dependencies are coroutines: FastAPI would send plain functions to a thread, each of them.
"""

from typing import Annotated, Final, cast

from fastapi import Body, Depends, Query
from starlette.requests import Request

from shared.backends import Backends
from shared.domain.page import PageRequest

# As many pages as an offset of 64 bits can count.
_MOST_PAGES: Final = 10**16


async def _backends(request: Request) -> Backends:
    return cast(Backends, request.app.state.backends)


async def _page(
    page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1, size: Annotated[int, Query(ge=1, le=100)] = 50
) -> PageRequest:
    return PageRequest(page, size)


async def _reversible_page(
    request: Annotated[PageRequest, Depends(_page)], reverse: Annotated[bool, Query()] = False
) -> PageRequest:
    return PageRequest(request.page, request.size, reverse)


Backed = Annotated[Backends, Depends(_backends)]
Paged = Annotated[PageRequest, Depends(_page)]
ReversiblyPaged = Annotated[PageRequest, Depends(_reversible_page)]
NO_BODY = Body(default=None)
"""The default of an optional body: none at all, an empty one and `null` are the same."""
