"""OpenAI's world: its protocol behind the words of all vendors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from shared.domain.json import Json, JsonObject
from shared.llm.types import Usage
from shared.llm.wire import as_list, as_object, as_text
from shared.settings.models import ModelSpec, Provider
from tests.support import openai_server
from tests.support.scripted_server import Received, Scripted, ScriptedServer
from tests.support.vendor_world import COUNTED, Line


@dataclass(frozen=True)
class OpenAIWorld:
    provider: Provider
    model: str = "gpt-test"
    schema_complaint: str | None = "Invalid schema for response_format 'facts': json_schema is not supported."
    usage: Usage = COUNTED

    @property
    def label(self) -> str:
        return f"{self.provider}/{self.model}"

    def spec(self, server: ScriptedServer, key: str, backup: ModelSpec | None = None) -> ModelSpec:
        return ModelSpec(self.provider, self.model, key, f"{server.url}/v1", backup)

    def _message(self, line: Line) -> JsonObject:
        calls: list[Json] = [
            openai_server.tool_call(json.dumps(arguments), name=name, call_id=call_id)
            for call_id, name, arguments in line.calls
        ]
        is_refused = line.ending == "refusal"
        said: JsonObject = {"refusal": line.text} if is_refused and line.text else {"content": line.text or None}
        thought: JsonObject = {"reasoning_content": "Hm, signed-1."} if line.is_thought else {}
        return {**said, **thought, **({"tool_calls": calls} if calls else {})}

    def whole(self, line: Line) -> Scripted:
        return openai_server.completion(self._message(line), finish=self._reason(line))

    def _reason(self, line: Line) -> str:
        if line.ending == "stop":
            return "tool_calls" if line.calls else "stop"
        return "length" if line.ending == "length" else "stop" if line.text else "content_filter"

    def streamed(self, line: Line, *, gate: Event | None = None, is_cut: bool = False) -> Scripted:
        message = self._message(line)
        middle = len(line.text) // 2
        pieces: list[JsonObject | Event] = [openai_server.delta({"role": "assistant", "content": ""})]
        if "reasoning_content" in message:
            pieces.append(openai_server.delta({"reasoning_content": message["reasoning_content"]}))
        field = "refusal" if line.ending == "refusal" else "content"
        if line.text:
            pieces.append(openai_server.delta({field: line.text[:middle]}))
            pieces += [gate] if gate else []
            pieces.append(openai_server.delta({field: line.text[middle:]}))
        for index, call in enumerate(as_list(message.get("tool_calls"))):
            pieces.append(openai_server.delta({"tool_calls": [{"index": index, **as_object(call)}]}))
        if not is_cut:
            pieces.append(openai_server.delta({}, finish=self._reason(line)))
        return openai_server.streamed(*pieces, is_cut=is_cut)

    def counted(self) -> Scripted:
        read: JsonObject = {"cached_tokens": 64, "cache_write_tokens": 8}
        written: JsonObject = {"reasoning_tokens": 20}
        usage: JsonObject = {"prompt_tokens": 100, "completion_tokens": 30}
        details: JsonObject = {"prompt_tokens_details": read, "completion_tokens_details": written}
        return openai_server.completion({"content": "ok"}, usage={**usage, **details})

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted:
        return openai_server.failure(status, said, headers=headers)

    def thoughts(self, received: Received) -> list[Json]:
        messages = [as_object(message) for message in as_list(received.body["messages"])]
        return [message["reasoning_content"] for message in messages if "reasoning_content" in message]

    def results(self, received: Received) -> list[str]:
        messages = [as_object(message) for message in as_list(received.body["messages"])]
        return [as_text(message["content"]) for message in messages if message["role"] == "tool"]

    def callable_tools(self, received: Received) -> list[str]:
        tools = [] if received.body.get("tool_choice") == "none" else as_list(received.body.get("tools"))
        return [as_text(as_object(as_object(tool)["function"])["name"]) for tool in tools]

    def has_schema(self, received: Received) -> bool:
        return as_object(received.body.get("response_format")).get("type") == "json_schema"
