"""Scenarios as data: what is done to a workspace of their own, and what must then hold."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

Body = dict[str, Any]
FOLDER: Final = Path(__file__).parents[1] / "e2e" / "scenarios"


@dataclass(frozen=True)
class Scenario:
    """One of a file's list: `given` are steps in order, `then` are checks."""

    file: str
    name: str
    given: list[Body]
    then: list[Body]

    @property
    def workspace(self) -> str:
        letters = "".join(letter if letter.isalnum() else "-" for letter in f"{self.file}-{self.name}")
        return letters[:100]


def scenarios() -> list[Scenario]:
    """All scenarios of all files. A key that is not known is an error."""
    return [
        Scenario(file=path.stem, **entry)
        for path in sorted(FOLDER.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


@dataclass(frozen=True)
class Place:
    """A scenario's workspace on a running stack."""

    http: httpx.Client
    workspace: str
    settle: Callable[[], None]

    def send(self, method: str, path: str, body: object = None, **query: object) -> httpx.Response:
        given = {name: value for name, value in query.items() if value is not None}
        return self.http.request(method, f"/v3/workspaces/{self.workspace}{path}", json=body, params=_params(given))

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        answer = self.send(method, path, body, **query)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def do(self, step: Body) -> None:
        """One step, by its only key."""
        [(name, what)] = step.items()
        STEPS[name](self, what)


def _params(given: Mapping[str, object]) -> Any:
    return given


def _configure(place: Place, configuration: Body) -> None:
    place.ask("PUT", "", {"configuration": configuration})


def _peer(place: Place, what: Body) -> None:
    place.ask("POST", "/peers", what)


def _session(place: Place, what: Body) -> None:
    place.ask("POST", "/sessions", what)


def _member(place: Place, what: Body) -> None:
    """`session`, `peer` and what changes for it."""
    settings = {key: value for key, value in what.items() if key not in ("session", "peer")}
    place.ask("PUT", f"/sessions/{what['session']}/peers/{what['peer']}/config", settings)


def _leave(place: Place, what: Body) -> None:
    place.ask("DELETE", f"/sessions/{what['session']}/peers", what["peers"])


def _say(place: Place, what: list[Any]) -> None:
    """A session, then messages: `[peer, text]`, with a third item for what else they carry."""
    session, *said = what
    place.ask("POST", f"/sessions/{session}/messages", {"messages": [_message(*one) for one in said]})


def _message(peer: str, content: str, more: Body | None = None) -> Body:
    return {"peer_id": peer, "content": content, **(more or {})}


def _chatter(place: Place, what: Body) -> None:
    """`count` messages by turns of two peers that tell nothing, after an optional `first`."""
    told = [what["first"]] if "first" in what else []
    filler = [(("alice", "bob")[number % 2], f"Well, number {number} it is.") for number in range(what["count"])]
    _say(place, [what["session"], *(told + [list(one) for one in filler])[: what["count"]]])


def _scope(place: Place, what: Body) -> None:
    place.ask("POST", "/scopes", {"id": what["id"]})
    if what.get("sessions"):
        place.ask("POST", f"/scopes/{what['id']}/sessions", {"session_ids": what["sessions"]})


def _unscope(place: Place, what: Body) -> None:
    place.ask("DELETE", f"/scopes/{what['id']}/sessions/{what['session']}")


def _card(place: Place, what: Body) -> None:
    place.ask("PUT", f"/peers/{what['peer']}/card", {"peer_card": what["lines"]}, target=what.get("target"))


def _conclude(place: Place, what: list[Body]) -> None:
    place.ask("POST", "/conclusions", {"conclusions": what})


def _delete_session(place: Place, session: str) -> None:
    place.ask("DELETE", f"/sessions/{session}")


def _dream(place: Place, what: Body) -> None:
    place.ask("POST", "/schedule_dream", what)


def _settle(place: Place, _: object) -> None:
    place.settle()


STEPS: Final[dict[str, Callable[[Place, Any], None]]] = {
    "configure": _configure,
    "peer": _peer,
    "session": _session,
    "member": _member,
    "leave": _leave,
    "say": _say,
    "chatter": _chatter,
    "scope": _scope,
    "unscope": _unscope,
    "card": _card,
    "conclude": _conclude,
    "delete_session": _delete_session,
    "dream": _dream,
    "settle": _settle,
}


def frames_of(text: str) -> Iterator[Body]:
    """The frames of a streamed answer; every line is one, or empty."""
    for line in text.split("\n"):
        if line:
            assert line.startswith("data: "), line
            yield json.loads(line.removeprefix("data: "))
