"""The resource tree of a REST API: which function answers a method and a path."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from infra.local.template import RouteSpec


@dataclass(frozen=True, slots=True)
class Match:
    """A resource that answers, and what its path's variables stand for."""

    route: RouteSpec
    parameters: dict[str, str] | None


@dataclass(slots=True)
class _Resource:
    fixed: "dict[str, _Resource]" = field(default_factory=dict[str, "_Resource"])
    variable: "tuple[str, _Resource] | None" = None
    greedy: "tuple[str, _Resource] | None" = None
    methods: dict[str, RouteSpec] = field(default_factory=dict[str, RouteSpec])

    def child(self, part: str) -> "_Resource":
        """The resource below this one for a part of a declared path."""
        if part.startswith("{") and part.endswith("+}"):
            self.greedy = self.greedy or (part[1:-2], _Resource())
            return self.greedy[1]
        if part.startswith("{"):
            self.variable = self.variable or (part[1:-1], _Resource())
            return self.variable[1]
        return self.fixed.setdefault(part, _Resource())


class Resources:
    """The most specific resource wins, and there is no way back from it, as in API Gateway."""

    def __init__(self, routes: Iterable[RouteSpec]) -> None:
        self._root = _Resource()
        for route in routes:
            resource = self._root
            for part in _parts(route.path):
                resource = resource.child(part)
            resource.methods[route.method] = route

    def match(self, method: str, path: str) -> Match | None:
        """The resource for a path without the stage; None where API Gateway would refuse."""
        resource = self._root
        parameters: dict[str, str] = {}
        parts = _parts(path)
        for index, part in enumerate(parts):
            if (fixed := resource.fixed.get(unquote(part))) is not None:
                resource = fixed
            elif resource.variable is not None:
                name, resource = resource.variable
                parameters[name] = unquote(part)
            elif resource.greedy is not None:
                name, resource = resource.greedy
                parameters[name] = unquote("/".join(parts[index:]))
                break
            else:
                return None
        route = resource.methods.get(method) or resource.methods.get("ANY")
        return None if route is None else Match(route, parameters or None)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
