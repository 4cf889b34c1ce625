"""The walk of the quickstart, step by step, through the published SDK."""

import time
from collections.abc import Sequence
from typing import Any, cast

import httpx
from honcho import Honcho
from honcho.http.exceptions import HonchoError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from infra.demo.conversation import Said

_BATCH = 100
_PATIENCE_S = 600.0
_POLL_S = 0.1
_SHOWN = 12


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Walk:
    """One conversation told to one workspace, and what became of it."""

    def __init__(
        self, console: Console, base_url: str, workspace: str, said: Sequence[Said], peer: str, *, key: str | None
    ) -> None:
        self._console = console
        self._key = key
        self._base_url = base_url
        self._workspace = workspace
        self._said = said
        self._peer = peer

    def run(self, question: str, search: str) -> None:
        """All of it, each step shown. Raises `DemoFailed`."""
        try:
            self._tell()
            self._settle()
            self._show_representation()
            texts = self._show_conclusions()
            self._show_answer(question, texts)
            self._show_context()
            self._show_hits(search)
        except HonchoError as error:
            how = "answered" if error.status else "could not be reached"
            raise DemoFailed(f"{self._base_url} {how}: {error}") from error

    def _tell(self) -> None:
        self._step(f"workspace {self._workspace} at {self._base_url}")
        self._honcho = Honcho(workspace_id=self._workspace, base_url=self._base_url, api_key=self._key)
        peers = {name: self._honcho.peer(name) for name in dict.fromkeys(message.peer for message in self._said)}
        self._session = self._honcho.session("conversation")
        messages = [peers[m.peer].message(m.content, created_at=m.created_at) for m in self._said]
        with self._progress() as progress:
            task = progress.add_task("telling messages", total=len(messages))
            for start in range(0, len(messages), _BATCH):
                batch = messages[start : start + _BATCH]
                self._session.add_messages(batch)
                progress.advance(task, len(batch))

    def _settle(self) -> None:
        """Wait until nothing is pending; the bar counts work items."""
        deadline = time.monotonic() + _PATIENCE_S
        with self._progress() as progress:
            task = progress.add_task("thinking about them", total=None)
            while True:
                status = self._honcho.queue_status()
                progress.update(task, total=status.total_work_units, completed=status.completed_work_units)
                if status.pending_work_units + status.in_progress_work_units == 0:
                    return
                if time.monotonic() > deadline:
                    raise DemoFailed(
                        f"{status.pending_work_units} messages still wait; 'python3 -m infra status' says what for"
                    )
                time.sleep(_POLL_S)

    def _show_representation(self) -> None:
        self._step(f"representation of {self._peer}")
        self._console.print(Text(self._honcho.peer(self._peer).representation() or "(nothing yet)"))

    def _show_conclusions(self) -> dict[str, str]:
        """The conclusions with the messages they rest on; gives the text of each message by id."""
        self._step("conclusions and the messages they rest on")
        texts = {message.id: f"{message.peer_id}: {message.content}" for message in self._session.messages(size=100)}
        found = self._conclusions()
        for conclusion in found[:_SHOWN]:
            self._console.print(Text(f"• {conclusion['content']}"))
            for message_id in cast(list[str], conclusion.get("source_message_ids") or []):
                self._quote(texts.get(message_id, message_id))
        if len(found) > _SHOWN:
            self._console.print(f"… and {len(found) - _SHOWN} more", style="dim")
        return texts

    def _conclusions(self) -> list[dict[str, Any]]:
        # The SDK's own objects leave `source_message_ids` out, so this one list is read over plain HTTP.
        answer = httpx.post(
            f"{self._base_url}/v3/workspaces/{self._workspace}/conclusions/list",
            params={"size": 100, "reverse": True},
            json={"filters": {"observer_id": self._peer, "observed_id": self._peer}},
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
        )
        if answer.is_error:
            raise DemoFailed(f"{self._base_url} answered {answer.status_code} to the list of conclusions")
        return cast(list[dict[str, Any]], answer.json()["items"])

    def _show_answer(self, question: str, texts: dict[str, str]) -> None:
        self._step(f"chat: {question}")
        answer = self._honcho.peer(self._peer).chat(question, include_evidence=True)
        self._console.print(Text(answer.content or "(no answer)", style="bold"))
        if answer.evidence is None:
            return
        sources = [texts.get(message.id, message.id) for message in answer.evidence.messages]
        self._console.print("resting on", style="dim")
        for source in sources[:_SHOWN]:
            self._quote(source)
        if len(sources) > _SHOWN:
            self._console.print(f"    … and {len(sources) - _SHOWN} more", style="dim")

    def _show_context(self) -> None:
        self._step("context for a model: session.context(summary=True, tokens=10_000).to_openai(…)")
        assistant = next((m.peer for m in self._said if m.peer != self._peer), self._peer)
        turns = self._session.context(summary=True, tokens=10_000).to_openai(assistant=assistant)
        for turn in turns[-3:]:
            self._quote(f"{turn['role']}: {turn['content']}")
        self._console.print(f"({len(turns)} turns)", style="dim")

    def _show_hits(self, search: str) -> None:
        self._step(f"search: {search}")
        for hit in self._session.search(search, limit=3):
            self._quote(f"{hit.peer_id}: {hit.content}")

    def _step(self, title: str) -> None:
        self._console.print()
        self._console.rule(Text(title), align="left", style="cyan")

    def _quote(self, text: str) -> None:
        line = " ".join(text.split())
        width = max(self._console.width - 6, 20)
        self._console.print(Text("    " + (line if len(line) <= width else line[: width - 1] + "…"), style="dim"))

    def _progress(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )
