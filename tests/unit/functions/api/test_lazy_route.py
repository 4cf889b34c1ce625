"""A lazy route is as any other, once something is asked of it that its path does not tell."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from functions.api.lazy_route import LazyRoute


class Looked(LazyRoute):
    """Counts how often FastAPI had to look at it."""

    looks = 0

    def get_route_handler(self) -> Any:
        type(self).looks += 1
        return super().get_route_handler()


@pytest.fixture
def app() -> FastAPI:
    Looked.looks = 0
    router = APIRouter(prefix="/things", tags=["things"], route_class=Looked)

    @router.get("/{number}")
    def get(number: int, half: bool = False) -> dict[str, float]:
        return {"number": number / 2 if half else number}

    @router.post("/{number}", status_code=201)
    def post(number: int) -> int:
        return number

    app = FastAPI()
    app.router.routes += [route.below("/v3") for route in router.routes if isinstance(route, Looked)]
    return app


def test_route_is_looked_at_by_its_own_first_request_only(app: FastAPI) -> None:
    client = TestClient(app)
    assert Looked.looks == 0
    assert [client.get("/v3/things/3", params={"half": half}).json() for half in (True, False)] == [
        {"number": 1.5},
        {"number": 3},
    ]
    assert Looked.looks == 1
    assert client.post("/v3/things/3").status_code == 201
    assert Looked.looks == 2


def test_route_refuses_as_any_other_does(app: FastAPI) -> None:
    client = TestClient(app)
    assert client.get("/v3/things/x").status_code == 422
    assert client.delete("/v3/things/3").status_code == 405
    assert client.get("/things/3").status_code == 404


def test_route_is_described_as_any_other(app: FastAPI) -> None:
    described = app.openapi()["paths"]["/v3/things/{number}"]
    assert set(described) == {"get", "post"}
    assert described["get"]["tags"] == ["things"]
    assert [one["name"] for one in described["get"]["parameters"]] == ["number", "half"]


def test_route_asked_for_what_none_has_says_so(app: FastAPI) -> None:
    [*_, route] = app.routes
    with pytest.raises(AttributeError):
        _ = route.colour  # pyright: ignore
