"""Google's world: its protocol behind the words of all vendors."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from shared.domain.json import Json, JsonObject
from shared.llm.types import Usage
from shared.llm.wire import as_list, as_object, as_text
from shared.settings.models import ModelSpec
from tests.support import google_server
from tests.support.scripted_server import Received, Scripted, ScriptedServer
from tests.support.vendor_world import COUNTED_WITHOUT_WRITES, Line


@dataclass(frozen=True)
class GoogleWorld:
    model: str
    has_ids: bool
    schema_complaint: str = "A schema in GenerationConfig in the request exceeds the maximum allowed nesting depth."
    # Nothing is told about what went into a cache, and writing there has no price of its own.
    usage: Usage = COUNTED_WITHOUT_WRITES

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
