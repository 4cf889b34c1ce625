"""A guarded API with things of two workspaces in it, a key of every kind, and a valid request for every route."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from httpx2 import Response
from starlette.testclient import TestClient

SECRET: Final = "the secret of these tests: long enough even for HS512, which is refused all the same"
SECTIONS: Final[dict[str, dict[str, object]]] = {"auth": {"use_auth": True, "jwt_secret": SECRET}}
Headers = dict[str, str]


def bearer(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> Headers:
    """The header of a request with a key of these claims."""
    # Its signature names types of an optional package that is not installed.
    token = jwt.encode(claims, secret, algorithm=algorithm)  # pyright: ignore[reportUnknownMemberType]
    return {"Authorization": f"Bearer {token}"}


ADMIN: Final = bearer(ad=True)


@dataclass(frozen=True)
class World:
    """Workspace `here`: alice is in session `talk`, carol has left it, bob is in `den` only. `there` has its own."""

    client: TestClient
    here: str
    there: str
    ids: dict[str, str] = field(default_factory=dict[str, str])
    """What the path parameters stand for in requests about what is here, and alice's."""
    foreign: dict[str, str] = field(default_factory=dict[str, str])
    """The same, of the other workspace."""

    def ask(self, route: str, headers: Headers, ids: Mapping[str, str] | None = None) -> Response:
        """A valid request to `METHOD path`, about `ids` (default: what is here)."""
        method, _, path = route.partition(" ")
        known = {**self.ids, **(ids or {})}
        content = _content(route, known)
        return self.client.request(method, f"/v3{path.format(**known)}", headers=headers, **content)

    def keys(self) -> dict[str, Headers]:
        """A key of every kind, by what it is."""
        now = datetime.now(UTC)
        w, a = self.here, "alice"
        return {
            "none": {},
            "malformed": {"Authorization": "Bearer x.y.z"},
            "of another scheme": {"Authorization": "Basic YWRtaW46YWRtaW4="},
            "expired": bearer(ad=True, exp=int((now - timedelta(seconds=1)).timestamp())),
            "expired, in words": bearer(w=w, exp=(now - timedelta(seconds=1)).isoformat()),
            "signed with a foreign secret": bearer(secret=SECRET[::-1], ad=True),
            "not signed": bearer(secret="", algorithm="none", ad=True),
            "signed otherwise": bearer(algorithm="HS512", ad=True),
            "without claims": bearer(t="2026"),
            "without a workspace": bearer(p=a, s="talk"),
            "admin": ADMIN,
            "workspace": bearer(w=w, exp=(now + timedelta(hours=1)).isoformat()),
            "workspace there": bearer(w=self.there),
            "peer in the session": bearer(w=w, p=a, exp=(now + timedelta(hours=1)).timestamp()),
            "peer that left": bearer(w=w, p="carol"),
            "peer elsewhere": bearer(w=w, p="bob"),
            "peer of that name there": bearer(w=self.there, p=a),
            "session": bearer(w=w, s="talk"),
            "session with a peer": bearer(w=w, s="talk", p=a),
            "other session": bearer(w=w, s="den"),
            "other session with the peer": bearer(w=w, s="den", p=a),
            "session of that name there": bearer(w=self.there, s="talk"),
        }


def build(client: TestClient, name: str) -> World:
    """A world of its own."""
    client.headers.update(ADMIN)
    world = World(client, f"{name}-here", f"{name}-there")
    world.ids.update(_furnish(client, world.here, peer="alice", session="talk"))
    world.foreign.update(_furnish(client, world.there, peer="zed", session="hall"))
    # Names that keys of the other workspace share with ours.
    _done(client.post(f"/v3/workspaces/{world.there}/sessions", json={"id": "talk", "peers": {"alice": {}}}))
    at = f"/v3/workspaces/{world.here}/sessions"
    _done(client.post(f"{at}/talk/peers", json={"carol": {}}))
    _done(client.request("DELETE", f"{at}/talk/peers", json=["carol"]))
    _done(client.post(f"{at}", json={"id": "den", "peers": {"bob": {}}}))
    client.headers.pop("Authorization")
    return world


def _furnish(client: TestClient, workspace: str, *, peer: str, session: str) -> dict[str, str]:
    at = f"/v3/workspaces/{workspace}"
    _done(client.post(f"{at}/peers", json={"id": peer, "metadata": {"of": workspace}}))
    _done(client.post(f"{at}/sessions", json={"id": session, "metadata": {"of": workspace}, "peers": {peer: {}}}))
    said = {"messages": [{"peer_id": peer, "content": "I live in Lisbon"}]}
    message = _done(client.post(f"{at}/sessions/{session}/messages", json=said))[0]["id"]
    drawn = {"conclusions": [{"content": "lives in Lisbon", "observer_id": peer, "observed_id": peer}]}
    conclusion = _done(client.post(f"{at}/conclusions", json=drawn))[0]["id"]
    _done(client.post(f"{at}/scopes", json={"id": f"{session}-scope"}))
    endpoint = _done(client.post(f"{at}/webhooks", json={"url": "https://9.9.9.9/hook"}))["id"]
    client.post(f"{at}/schedule_dream", json={"observer": peer, "dream_type": "omni"})
    [dream] = _done(client.get(f"{at}/dreams"))["items"]
    return {
        "workspace_id": workspace,
        "peer_id": peer,
        "session_id": session,
        "message_id": message,
        "conclusion_id": conclusion,
        "scope_id": f"{session}-scope",
        "endpoint_id": endpoint,
        "dream_id": dream["id"],
    }


def _done(answer: Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def _content(route: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """Body and query of a request to a route that says something and changes as little as it can."""
    peer, session, method = ids["peer_id"], ids["session_id"], route.partition(" ")[0]
    path = route.partition("}")[2] or route.partition(" ")[2]
    said = {"messages": [{"peer_id": peer, "content": "Hello"}]}
    about = {"observer": peer, "observed": peer}
    if path.endswith("/upload"):
        return {"files": {"file": ("a.txt", b"Hello", "text/plain")}, "data": {"peer_id": peer}}
    if path == "/keys":
        return {"params": {"workspace_id": ids["workspace_id"]}}
    if method == "GET" or path.endswith(("/list", "/clone")):
        return {}
    bodies: dict[str, Any] = {
        "/workspaces": {"id": ids["workspace_id"]},
        "/peers": {"id": peer},
        "/sessions": {"id": session},
        "/conclusions": {"conclusions": [{"content": "likes tea", "observer_id": peer, "observed_id": peer}]},
        "/conclusions/query": {"query": "tea", "filters": about},
        "/scopes": {"id": ids["scope_id"]},
        "/scopes/{scope_id}/sessions": {"session_ids": [session]},
        "/webhooks": {"url": "https://9.9.9.9/hook"},
        "/schedule_dream": {"observer": peer, "dream_type": "omni"},
        "/sessions/{session_id}/messages": said,
        "/sessions/{session_id}/messages/": said,
        "/sessions/{session_id}/peers": [] if method == "DELETE" else {peer: {}},
        "/peers/{peer_id}/card": {"peer_card": ["likes tea"]},
    }
    searched: dict[str, Any] = {"query": "Where does alice live?"}
    return {"json": bodies.get(path, searched if path.endswith(("/search", "/chat")) else {})}
