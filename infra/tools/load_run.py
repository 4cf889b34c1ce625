"""Writers and readers against a running server, and what they saw."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import httpx

from infra.tools.load_target import LoadFailed

_TIMEOUT_S = 60.0
_READ_PAUSE_S = 0.05
_POLL_S = 0.25
_LONGEST_PAUSE_S = 5.0
_PAGE = 100
_LISTS_AT_A_TIME = 8

Body: TypeAlias = dict[str, Any] | None


@dataclass(slots=True)
class Seen:
    """What one kind of caller saw: how long good answers took in milliseconds, and the other ones by status."""

    took_ms: list[float] = field(default_factory=list[float])
    refused: Counter[str] = field(default_factory=Counter[str])

    @property
    def shed(self) -> int:
        return self.refused["429"]

    @property
    def failed(self) -> int:
        return self.refused.total() - self.shed

    def percentile(self, share: float) -> float:
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


@dataclass(slots=True)
class Phase:
    """A stretch of load of one strength."""

    writers: int
    seconds: float = 0.0
    writes: Seen = field(default_factory=Seen)
    reads: Seen = field(default_factory=Seen)
    drain_s: float = 0.0


class LoadRun:
    """One workspace under load. Remembers which messages the server said it has."""

    def __init__(self, base_url: str, workspace: str, sessions: int) -> None:
        self._base_url = base_url
        self._workspace = workspace
        self._sessions = sessions
        self.acknowledged: dict[str, list[str]] = defaultdict(list)
        self._tls = httpx.create_ssl_context()
        self._number = 0

    async def load(self, *, writers: int, readers: int, seconds: float) -> Phase:
        """So many writers and readers at once for `seconds`; each starts anew as soon as it is answered."""
        phase = Phase(writers)
        started = time.monotonic()
        end = started + seconds
        await asyncio.gather(
            *(self._write(phase.writes, random.Random(n), end) for n in range(writers)),
            *(self._read(phase.reads, random.Random(n), end) for n in range(readers)),
        )
        phase.seconds = time.monotonic() - started
        return phase

    async def drain(self, *, patience_s: float) -> float:
        """Wait until nothing is pending; gives the seconds that took. Raises `LoadFailed` when it takes too long."""
        started = time.monotonic()
        async with self._client() as http:
            while True:
                answer = await http.get(f"{self._at}/queue/status")
                if answer.status_code == 200:
                    status = cast(dict[str, Any], answer.json())
                    if status["pending_work_units"] + status["in_progress_work_units"] == 0:
                        return time.monotonic() - started
                if time.monotonic() - started > patience_s:
                    raise LoadFailed(f"Still not drained after {patience_s:.0f} s: {answer.text[:300]}")
                await asyncio.sleep(_POLL_S)

    async def lost(self) -> list[str]:
        """The acknowledged messages that no list shows."""
        gate = asyncio.Semaphore(_LISTS_AT_A_TIME)
        async with self._client() as http:

            async def missing(session: str) -> list[str]:
                async with gate:
                    return sorted(set(self.acknowledged[session]) - await self._listed(http, session))

            found = await asyncio.gather(*(missing(session) for session in self.acknowledged))
        return [message_id for ids in found for message_id in ids]

    @property
    def count(self) -> int:
        """How many messages were acknowledged."""
        return sum(map(len, self.acknowledged.values()))

    @property
    def _at(self) -> str:
        return f"/v3/workspaces/{self._workspace}"

    def _client(self) -> httpx.AsyncClient:
        """A client for one caller: a shared one looks through all of its connections for every request."""
        return httpx.AsyncClient(base_url=self._base_url, timeout=_TIMEOUT_S, trust_env=False, verify=self._tls)

    async def _write(self, seen: Seen, chance: random.Random, end: float) -> None:
        async with self._client() as http:
            while time.monotonic() < end:
                await self._write_one(http, seen, chance)

    async def _write_one(self, http: httpx.AsyncClient, seen: Seen, chance: random.Random) -> None:
        self._number += 1
        session = f"s{chance.randrange(self._sessions)}"
        said = f"I bought item number {self._number} in shop {chance.randrange(1000)} and I liked it."
        message = {"peer_id": f"user-{session}", "content": said}
        path = f"{self._at}/sessions/{session}/messages"
        answer = await _timed(http, seen, "POST", path, {"messages": [message]})
        if answer is not None:
            self.acknowledged[session] += [one["id"] for one in cast(list[dict[str, Any]], answer.json())]

    async def _read(self, seen: Seen, chance: random.Random, end: float) -> None:
        async with self._client() as http:
            while time.monotonic() < end:
                method, path, body = chance.choice(self._questions(chance))
                # Nobody may have written to the session yet: that is an answer, too.
                await _timed(http, seen, method, self._at + path, body, also_good=404)
                await asyncio.sleep(_READ_PAUSE_S)

    def _questions(self, chance: random.Random) -> list[tuple[str, str, Body]]:
        session = f"s{chance.randrange(self._sessions)}"
        return [
            ("POST", f"/sessions/{session}/messages/list?size=20&reverse=true", {}),
            ("GET", f"/sessions/{session}/context?tokens=2000", None),
            ("POST", "/search", {"query": f"item in shop {chance.randrange(1000)}", "limit": 5}),
            ("POST", f"/peers/user-{session}/representation", {}),
        ]

    async def _listed(self, http: httpx.AsyncClient, session: str) -> set[str]:
        found: set[str] = set()
        page = pages = 1
        while page <= pages:
            path = f"{self._at}/sessions/{session}/messages/list?size={_PAGE}&page={page}"
            answer = await http.post(path, json={})
            answer.raise_for_status()
            shown = cast(dict[str, Any], answer.json())
            found |= {item["id"] for item in shown["items"]}
            page, pages = page + 1, shown["pages"]
        return found


async def _timed(
    http: httpx.AsyncClient, seen: Seen, method: str, path: str, body: Body, *, also_good: int = 200
) -> httpx.Response | None:
    """A good answer; None for any other, which is counted. One who is told to come back later does."""
    started = time.perf_counter()
    try:
        answer = await http.request(method, path, json=body)
    except httpx.HTTPError as error:
        seen.refused[type(error).__name__] += 1
        return None
    if answer.is_success or answer.status_code == also_good:
        seen.took_ms.append((time.perf_counter() - started) * 1000)
        return answer
    seen.refused[str(answer.status_code)] += 1
    if retry_after := answer.headers.get("retry-after"):
        await asyncio.sleep(min(float(retry_after), _LONGEST_PAUSE_S))
    return None
