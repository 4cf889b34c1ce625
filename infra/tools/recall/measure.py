"""What a running server finds again of a labelled world, and what it answers."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, TypeVar, cast

import httpx

from infra.tools.recall.world import ASSISTANT, Asked, Kind, Told, World

T = TypeVar("T")
DEPTHS: Final = (5, 10)
_TIMEOUT_S: Final = 120.0
_AT_A_TIME: Final = 4
_PAGE: Final = 100
_POLL_S: Final = 0.5
# As models put it that they were told nothing about it.
_ABSTAINING: Final = re.compile(
    r"nothing is known|not (?:been )?(?:known|mentioned|recorded|stated)|no (?:information|record|mention|memory)"
    r"|(?:do|does)(?:n't| not) (?:know|say|mention|appear)|unknown|cannot tell|can't tell",
    re.IGNORECASE,
)


class RecallFailed(Exception):
    """The run cannot go on; the message says why."""


@dataclass(slots=True)
class Score:
    """What came back for the questions of one kind. Shares are of 1; `found` and `remembered` by depth."""

    questions: int = 0
    found: dict[int, float] = field(default_factory=lambda: dict.fromkeys(DEPTHS, 0.0))
    remembered: dict[int, float] = field(default_factory=lambda: dict.fromkeys(DEPTHS, 0.0))
    right: int = 0
    abstained: int = 0


class Measurement:
    """One world in one workspace of a server."""

    def __init__(self, base_url: str, workspace: str, world: World, *, level: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"{base_url}/v3/workspaces/{workspace}", timeout=_TIMEOUT_S)
        self._world = world
        self._level = level
        # The ids the server gave, at the places of the world's messages.
        self._ids: list[str] = []
        self._conclusions: dict[str, list[str]] = defaultdict(list)

    async def __aenter__(self) -> "Measurement":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def tell(self) -> None:
        """Say everything, session by session. An assistant is nobody to reason about."""
        quiet = {"configuration": {"observe_me": False}}
        await self._post("/peers", {"id": ASSISTANT, **quiet})
        sessions = [list(told) for _, told in groupby(self._world.messages, key=lambda told: told.session)]
        ids = await _each(sessions, self._tell_session)
        self._ids = [one for session in ids for one in session]

    async def settle(self, show: Callable[[int], None]) -> None:
        """Wait until everything was thought about and can be found; `show` hears how much is left."""
        while True:
            status = await self._get("/queue/status")
            left = status["pending_work_units"] + status["in_progress_work_units"]
            show(left)
            if left == 0:
                break
            await asyncio.sleep(_POLL_S)
        await _each(range(len(self._ids)), self._await_findable)
        await self._read_conclusions()

    async def ask(self) -> dict[Kind, Score]:
        """Every question, searched for, looked up and answered."""
        scores: dict[Kind, Score] = defaultdict(Score)
        for asked, found, remembered, answer in await _each(self._world.questions, self._ask):
            score = scores[asked.kind]
            score.questions += 1
            for depth in DEPTHS:
                score.found[depth] += found[depth]
                score.remembered[depth] += remembered[depth]
            score.right += is_right(asked, answer)
            score.abstained += is_abstention(answer)
        return dict(scores)

    async def _tell_session(self, told: Sequence[Told]) -> list[str]:
        messages = [{"peer_id": one.peer, "content": one.text, "created_at": one.at.isoformat()} for one in told]
        made = cast(
            list[dict[str, Any]], await self._post(f"/sessions/{told[0].session}/messages", {"messages": messages})
        )
        return [one["id"] for one in made]

    async def _await_findable(self, place: int) -> None:
        """Messages are indexed a moment after they were said; the last of a session is the last to be."""
        told, following = self._world.messages[place], self._world.messages[place + 1 : place + 2]
        if following and following[0].session == told.session:
            return
        looking = {"query": told.text, "limit": _PAGE}
        while self._ids[place] not in [
            one["id"] for one in await self._post(f"/sessions/{told.session}/search", looking)
        ]:
            await asyncio.sleep(_POLL_S)

    async def _read_conclusions(self) -> None:
        page, pages = 1, 1
        while page <= pages:
            found = await self._post(f"/conclusions/list?page={page}&size={_PAGE}", {})
            for item in found["items"]:
                for message_id in item.get("source_message_ids") or ():
                    self._conclusions[message_id].append(item["content"])
            page, pages = page + 1, found["pages"]

    async def _ask(self, asked: Asked) -> tuple[Asked, dict[int, float], dict[int, float], str]:
        wanted = [self._ids[place] for place in asked.evidence]
        hits = await self._search(asked.peer, asked.text, DEPTHS[-1])
        found = {depth: _share(one in hits[:depth] for one in wanted) for depth in DEPTHS}
        remembered = {depth: await self._remembered(asked, wanted, depth) for depth in DEPTHS}
        question = {"query": asked.text, "reasoning_level": self._level}
        answer = await self._post(f"/peers/{asked.peer}/chat", question)
        return asked, found, remembered, answer["content"] or ""

    async def _search(self, peer: str, query: str, limit: int) -> list[str]:
        return [one["id"] for one in await self._post(f"/peers/{peer}/search", {"query": query, "limit": limit})]

    async def _remembered(self, asked: Asked, wanted: Sequence[str], depth: int) -> float:
        """The share of the evidence of which a conclusion stands in the representation."""
        looked = {"search_query": asked.text, "search_top_k": depth, "max_conclusions": depth}
        text = (await self._post(f"/peers/{asked.peer}/representation", looked))["representation"]
        return _share(any(content in text for content in self._conclusions[one]) for one in wanted)

    async def _get(self, path: str) -> Any:
        return _good(await self._http.get(path))

    async def _post(self, path: str, body: object) -> Any:
        return _good(await self._http.post(path, json=body))


def is_right(asked: Asked, answer: str) -> bool:
    """Whether the answer holds one word of each group that is expected, or abstains where it must."""
    if not asked.expected:
        return is_abstention(answer)
    low = answer.casefold()
    return all(any(word.casefold() in low for word in group) for group in asked.expected)


def is_abstention(answer: str) -> bool:
    """Whether the answer says that nothing is known."""
    return not answer.strip() or _ABSTAINING.search(answer) is not None


def _share(hits: "Sequence[bool] | Any") -> float:
    found = list(hits)
    return sum(found) / len(found) if found else 0.0


def _good(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise RecallFailed(f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}")
    return answer.json()


async def _each(things: Sequence[Any], do: Callable[[Any], Awaitable[T]]) -> list[T]:
    """`do` each of the things, a few at a time; results in order."""
    places = asyncio.Semaphore(_AT_A_TIME)

    async def one(thing: Any) -> T:
        async with places:
            return await do(thing)

    return list(await asyncio.gather(*(one(thing) for thing in things)))
