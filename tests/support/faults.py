"""A seeded run of faults: a model server that misbehaves, a template with the faulty deriver, a plan of strikes."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final, cast

from infra.local.stack import ROOT
from shared.domain.json import JsonObject
from tests.support.openai_server import OpenAIServer, Received, Scripted, failure, said

PROCESS_FAULTS: Final = (
    "reported",
    "exception",
    "exit",
    "hang",
    "exit after model",
    "exit before commit",
    "exit after commit",
    "exit before send",
    "exit before sent_at",
    "cut while resting",
    "cut before statements",
    "cut at commit",
    *["kill"] * 5,
)
MODEL_FAULTS: Final = ("slow", "429", "500", "malformed", "empty")
_LINE = re.compile(r"^\[#(\d+) [^\]]*\] (\w+): (.*)$", re.MULTILINE)
_SLOW_S = 0.4


class FaultyModelServer(OpenAIServer):
    """Finds one fact in each message. A call may be answered with a fault instead: by number, or by what it is about.

    `by_call` names the fault of the n-th call; `by_word` the fault of each call whose messages hold the word.
    """

    def __init__(self, by_call: dict[int, str] | None = None) -> None:
        super().__init__()
        self.by_word: dict[str, str] = {}
        self.answered: Counter[tuple[str, ...]] = Counter()
        self.met: Counter[str] = Counter()
        self._by_call = by_call or {}
        self._calls = 0
        self._guard = Lock()

    def next(self, request: Received) -> Scripted:
        with self._guard:
            lines = _messages(request.body)
            texts = tuple(text for _, text in lines)
            if not texts:
                return said(_facts(()))
            fault = self._by_call.get(self._calls) or next(
                (fault for word, fault in self.by_word.items() if any(word in text for text in texts)), None
            )
            self._calls += 1
            if fault is not None:
                self.met[fault] += 1
            if fault is None or fault == "slow":
                self.answered[texts] += 1
        if fault == "slow":
            time.sleep(_SLOW_S)
        return _FAILURES[fault] if fault is not None and fault != "slow" else said(_facts(lines))


_FAILURES: Final[dict[str, Scripted]] = {
    "429": failure(429, "slow down", headers={"Retry-After": "1"}),
    "500": failure(500, "broken"),
    "401": failure(401, "who are you"),
    "malformed": said("I would say that"),
    "empty": said(""),
}


def _messages(body: JsonObject) -> list[tuple[int, str]]:
    turns = cast(list[dict[str, object]], body["messages"])
    prompt = "\n".join(str(turn["content"]) for turn in turns)
    return [(int(number), text) for number, _, text in _LINE.findall(prompt)]


def _facts(lines: Iterable[tuple[int, str]]) -> str:
    return json.dumps({"explicit": [{"content": f"said {text}", "message": number} for number, text in lines]})


def template(folder: Path, *, timeout_s: int = 6, visibility_s: int = 7) -> Path:
    """The product's template with the faulty deriver, which is given up and seen again within seconds."""
    text = (ROOT / "template.yaml").read_text()
    genuine = "Handler: functions.deriver.handler.lambda_handler\n      Timeout: 90"
    faulty = f"Handler: tests.support.handlers.faulty_deriver.lambda_handler\n      Timeout: {timeout_s}"
    if genuine not in text:
        raise LookupError("the template's deriver has changed")
    head, queue, tail = text.replace(genuine, faulty).partition("\n  DeriveQueue:\n")
    place = folder / "template.yaml"
    place.write_text(head + queue + tail.replace("VisibilityTimeout: 540", f"VisibilityTimeout: {visibility_s}", 1))
    return place


def environment(server: OpenAIServer, faults: Path) -> dict[str, str]:
    """The settings of a stack whose model is `server`, quick to look again."""
    return {
        "LLM_OPENAI_COMPATIBLE_BASE_URL": server.url,
        "LLM_OPENAI_COMPATIBLE_API_KEY": "none",
        "LLM_DEFAULT_MODEL": "m",
        "LLM_EMBEDDING_PROVIDER": "offline",
        "SUMMARY_ENABLED": "false",
        "DERIVER_REPRESENTATION_BATCH_MAX_TOKENS": "128",
        "QUEUE_LEASE_SECONDS": "7",
        "QUEUE_VISIBILITY_SECONDS": "8",
        "DERIVER_TIMEOUT_SECONDS": "6",
        "SUMMARY_TIMEOUT_SECONDS": "6",
        "FAULTS_FOLDER": str(faults),
    }
