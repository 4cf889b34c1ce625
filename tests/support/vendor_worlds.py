"""What every provider must do, said once: each vendor's protocol behind the same words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Literal, Protocol

from shared.domain.json import Json, JsonObject
from shared.llm.types import Usage
from shared.llm.wire import as_list, as_object, as_text
from shared.settings.models import ModelSpec, Provider
from tests.support import anthropic_server, google_server, openai_server
from tests.support.scripted_server import Received, Scripted, ScriptedServer

Ending = Literal["stop", "length", "refusal"]
_COUNTED = Usage(100, 30, 64, 8, 20)
_COUNTED_WITHOUT_WRITES = replace(_COUNTED, cache_write_tokens=0)


@dataclass(frozen=True, slots=True)
class Line:
    """What a model is made to say: text, calls as (id, name, arguments), and whether it thought before."""

    text: str = ""
    calls: tuple[tuple[str, str, JsonObject], ...] = ()
    is_thought: bool = False
    ending: Ending = "stop"


class World(Protocol):
    """One vendor's server, and how to read what it was sent."""

    @property
    def label(self) -> str: ...

    @property
    def schema_complaint(self) -> str | None:
        """How a schema is objected to; None where none is ever sent."""
        ...

    @property
    def usage(self) -> Usage:
        """What `counted` comes to."""
        ...

    def spec(self, server: ScriptedServer, key: str, backup: ModelSpec | None = None) -> ModelSpec: ...

    def whole(self, line: Line) -> Scripted: ...

    def streamed(self, line: Line, *, gate: Event | None = None, is_cut: bool = False) -> Scripted: ...

    def counted(self) -> Scripted: ...

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted: ...

    def thoughts(self, received: Received) -> list[Json]:
        """The signed thoughts in a request."""
        ...

    def results(self, received: Received) -> list[str]:
        """The results of tools in a request, in order."""
        ...

    def callable_tools(self, received: Received) -> list[str]:
        """The tools of a request that may be called."""
        ...

    def has_schema(self, received: Received) -> bool: ...


@dataclass(frozen=True)
class OpenAIWorld:
    provider: Provider
    model: str = "gpt-test"
    schema_complaint: str | None = "Invalid schema for response_format 'facts': json_schema is not supported."
    usage: Usage = _COUNTED

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


@dataclass(frozen=True)
class AnthropicWorld:
    model: str
    schema_complaint: str = "output_config.format.schema: this schema is too complex"
    usage: Usage = _COUNTED

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


@dataclass(frozen=True)
class GoogleWorld:
    model: str
    has_ids: bool
    schema_complaint: str = "A schema in GenerationConfig in the request exceeds the maximum allowed nesting depth."
    # Nothing is told about what went into a cache, and writing there has no price of its own.
    usage: Usage = _COUNTED_WITHOUT_WRITES

    @property
    def label(self) -> str:
        return f"google/{self.model}"

    def spec(self, server: ScriptedServer, key: str, backup: ModelSpec | None = None) -> ModelSpec:
        return ModelSpec("google", self.model, key, server.url, backup)

    def _parts(self, line: Line) -> list[JsonObject]:
        thought = [google_server.thought("Hm.")] if line.is_thought else []
        said = [google_server.text(line.text)] if line.text else []
        calls = [
            google_server.function_call(
                name,
                arguments,
                call_id=call_id if self.has_ids else None,
                signature="c2lnbmVkLTE=" if line.is_thought and place == 0 else None,
            )
            for place, (call_id, name, arguments) in enumerate(line.calls)
        ]
        return [*thought, *said, *calls]

    def _finish(self, line: Line) -> str:
        return {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}[line.ending]

    def whole(self, line: Line) -> Scripted:
        return google_server.response(*self._parts(line), finish=self._finish(line))

    def streamed(self, line: Line, *, gate: Event | None = None, is_cut: bool = False) -> Scripted:
        middle = len(line.text) // 2
        parts: list[JsonObject | Event] = []
        for part in self._parts(line):
            if part.get("text") == line.text:
                parts += [google_server.text(line.text[:middle]), *([gate] if gate else [])]
                parts.append(google_server.text(line.text[middle:]))
            else:
                parts.append(part)
        return google_server.streamed(*parts, finish=self._finish(line), is_cut=is_cut)

    def counted(self) -> Scripted:
        read: JsonObject = {"promptTokenCount": 100, "cachedContentTokenCount": 64}
        written: JsonObject = {"candidatesTokenCount": 10, "thoughtsTokenCount": 20}
        return google_server.response(google_server.text("ok"), usage={**read, **written})

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted:
        return google_server.failure(status, said, headers=headers)

    def _sent(self, received: Received) -> list[JsonObject]:
        contents = [as_object(content) for content in as_list(received.body["contents"])]
        return [as_object(part) for content in contents for part in as_list(content["parts"])]

    def thoughts(self, received: Received) -> list[Json]:
        signed = [part["thoughtSignature"] for part in self._sent(received) if "thoughtSignature" in part]
        return [signature for signature in signed if signature == "c2lnbmVkLTE="]

    def results(self, received: Received) -> list[str]:
        responses = [as_object(part["functionResponse"]) for part in self._sent(received) if "functionResponse" in part]
        return [as_text(as_object(response["response"])["output"]) for response in responses]

    def callable_tools(self, received: Received) -> list[str]:
        config = as_object(as_object(received.body.get("toolConfig")).get("functionCallingConfig"))
        tools = [] if config.get("mode") == "NONE" else as_list(received.body.get("tools"))
        return [
            as_text(as_object(tool)["name"])
            for one in tools
            for tool in as_list(as_object(one)["functionDeclarations"])
        ]

    def has_schema(self, received: Received) -> bool:
        return "responseJsonSchema" in as_object(received.body.get("generationConfig"))


WORLDS: tuple[World, ...] = (
    OpenAIWorld("openai", "gpt-4.1-mini"),
    OpenAIWorld("openai", "gpt-5.4-mini"),
    OpenAIWorld("custom"),
    OpenAIWorld("vllm"),
    OpenAIWorld("groq", schema_complaint=None),
    AnthropicWorld("claude-haiku-4-5"),
    AnthropicWorld("claude-sonnet-5-5"),
    GoogleWorld("gemini-2.5-flash", has_ids=False),
    GoogleWorld("gemini-3.5-flash-lite", has_ids=True),
)
