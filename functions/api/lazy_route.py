"""Routes that are analysed when the first request reaches them: a start of the function needs only their paths."""

import warnings
from collections.abc import Callable
from threading import RLock
from typing import Any, Final, Self

from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import compile_path

_BUILDING: Final = RLock()

# FastAPI silences it while it looks at a route; models that are built on first use are built when it no longer does.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)


class LazyRoute(APIRoute):
    """A route whose parameters, body and answers FastAPI looks at on first use.

    For sixty routes that takes a quarter of a cold start, and one request needs one of them. What matching looks at is
    there from the beginning; anything else that is asked of it makes the route whole.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._options = options
        self._is_whole = False
        self.endpoint = endpoint
        self.path = path
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is not there: with the route whole, that is nothing but a mistake.
        if name.startswith("__") or name in ("_options", "_is_whole"):
            raise AttributeError(name)
        with _BUILDING:
            if not self._is_whole:
                self._is_whole = True
                super().__init__(self.path, self.endpoint, **self._options)
        return object.__getattribute__(self, name)

    def below(self, prefix: str) -> Self:
        """The same route with `prefix` before its path.

        `include_router` would do as much, but look at every route for it, and once more for the first request.
        """
        route = object.__new__(type(self))
        LazyRoute.__init__(route, prefix + self.path, self.endpoint, **self._options)
        return route
