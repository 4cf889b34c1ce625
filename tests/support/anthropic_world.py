"""Anthropic's world: its protocol behind the words of all vendors."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from shared.domain.json import Json, JsonObject
from shared.llm.types import Usage
from shared.llm.wire import as_list, as_object, as_text
from shared.settings.models import ModelSpec
from tests.support import anthropic_server
from tests.support.scripted_server import Received, Scripted, ScriptedServer
from tests.support.vendor_world import COUNTED, Line


@dataclass(frozen=True)
class AnthropicWorld:
    model: str
    schema_complaint: str = "output_config.format.schema: this schema is too complex"
    usage: Usage = COUNTED

    @property
    def label(self) -> str:
        return f"anthropic/{self.model}"

    def spec(self, server: ScriptedServer, key: str, backup: ModelSpec | None = None) -> ModelSpec:
        return ModelSpec("anthropic", self.model, key, server.url, backup)

    def _blocks(self, line: Line) -> list[JsonObject]:
        thought = [anthropic_server.thinking("Hm.", "signed-1"), anthropic_server.redacted("signed-2")]
        said = [anthropic_server.text(line.text)] if line.text else []
        return [
            *(thought if line.is_thought else []),
            *said,
            *(anthropic_server.tool_use(*call) for call in line.calls),
        ]

    def _stop(self, line: Line) -> str:
        if line.ending != "stop":
            return {"length": "max_tokens", "refusal": "refusal"}[line.ending]
        return "tool_use" if line.calls else "end_turn"

    def whole(self, line: Line) -> Scripted:
        return anthropic_server.message(*self._blocks(line), stop=self._stop(line))

    def streamed(self, line: Line, *, gate: Event | None = None, is_cut: bool = False) -> Scripted:
        blocks: list[JsonObject | Event] = [*self._blocks(line)]
        if gate is not None:
            middle = len(line.text) // 2
            blocks = [anthropic_server.text(line.text[:middle]), gate, anthropic_server.text(line.text[middle:])]
        return anthropic_server.streamed(*blocks, stop=self._stop(line), is_cut=is_cut)

    def counted(self) -> Scripted:
        read: JsonObject = {"input_tokens": 28, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 8}
        written: JsonObject = {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 20}}
        return anthropic_server.message(anthropic_server.text("ok"), usage={**read, **written})

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted:
        return anthropic_server.failure(status, said, headers=headers)

    def _sent(self, received: Received, kind: str) -> list[JsonObject]:
        messages = [as_object(message) for message in as_list(received.body["messages"])]
        blocks = [as_object(block) for message in messages for block in as_list(message["content"])]
        return [block for block in blocks if block["type"] == kind]

    def thoughts(self, received: Received) -> list[Json]:
        signed: list[Json] = [block["signature"] for block in self._sent(received, "thinking")]
        return [*signed, *(block["data"] for block in self._sent(received, "redacted_thinking"))]

    def results(self, received: Received) -> list[str]:
        return [as_text(block["content"]) for block in self._sent(received, "tool_result")]

    def callable_tools(self, received: Received) -> list[str]:
        choice = as_object(received.body.get("tool_choice")).get("type")
        tools = [] if choice == "none" else as_list(received.body.get("tools"))
        return [as_text(as_object(tool)["name"]) for tool in tools]

    def has_schema(self, received: Received) -> bool:
        return "format" in as_object(received.body.get("output_config"))
