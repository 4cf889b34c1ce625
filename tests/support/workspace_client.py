"""The API's calls below one workspace, as tests make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient


@dataclass(frozen=True)
class WorkspaceClient:
    """Paths are relative to the workspace."""

    client: TestClient
    name: str

    def post(self, path: str, body: object = None, **query: object) -> Response:
        return self.client.post(self.at(path), json=body, params=_present(query))

    def put(self, path: str, body: object, **query: object) -> Response:
        return self.client.put(self.at(path), json=body, params=_present(query))

    def get(self, path: str, **query: object) -> Response:
        return self.client.get(self.at(path), params=_present(query))

    def delete(self, path: str, body: object = None) -> Response:
        return self.client.request("DELETE", self.at(path), json=body)

    def says(self, session: str, *said: tuple[str, str]) -> list[dict[str, Any]]:
        """Messages, as (peer, content), recorded in one batch."""
        return self.records(session, [{"peer_id": peer, "content": content} for peer, content in said])

    def records(self, session: str, messages: Sequence[object]) -> list[dict[str, Any]]:
        answer = self.post(f"/sessions/{session}/messages", {"messages": list(messages)})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def at(self, path: str) -> str:
        return f"/v3/workspaces/{self.name}{path}"


def _present(query: dict[str, object]) -> Any:
    return {key: value for key, value in query.items() if value is not None}
