"""Models whose calls are told to listeners. Attempt by attempt: the wrapper goes inside of what repeats."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final, cast

from shared.domain.json import JsonObject
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.metered import Counting, Layered
from shared.llm.provider import ChatModel, Embedder
from shared.llm.types import Completion, Delta, Reply, TextDelta
from shared.telemetry import calls, tracing
from shared.telemetry.calls import CallEnd, CallEnded, CallTokens, ModelCall

_BROKEN_OFF: Final = "broken_off"


class HeardModel:
    """A chat model that tells of its calls."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def complete(self, request: Completion) -> Reply:
        ended = self._begun(request)
        try:
            reply = self._model.complete(request)
        except BaseException as error:
            ended(_failed(error))
            raise
        ended(_answered(reply))
        return reply

    def stream(self, request: Completion) -> Iterator[Delta]:
        """Told of once: with the whole reply, or with what broke it off, be it a listener that went away."""
        ended = self._begun(request)
        is_over = False
        try:
            for delta in self._model.stream(request):
                if not isinstance(delta, TextDelta):
                    is_over = True
                    ended(_answered(delta))
                yield delta
        except BaseException as error:
            if not is_over:
                ended(_failed(error))
            raise
        if not is_over:
            ended(CallEnd(CallTokens(), _BROKEN_OFF, None, _nothing))

    def _begun(self, request: Completion) -> CallEnded:
        provider, _, model = self.name.partition("/")
        about: dict[str, tracing.Attribute] = {"purpose": request.purpose, "provider": provider, "model": model}
        # Not the parent of what happens meanwhile: a stream is read in a context other than the one it began in.
        span = tracing.started("model_call", tracing.current(), about)
        call = ModelCall(
            span,
            request.purpose,
            provider,
            model,
            tracing.workspace(),
            _limits(request),
            lambda: [{"role": _role(turn), **cast(JsonObject, asdict(turn))} for turn in request.turns],
        )
        return calls.begin(call)


class HeardEmbedder:
    """An embedder whose calls are spans."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        with tracing.span("embedding_call", model=self.space.model, inputs=len(texts)):
            return self._embedder.embed(texts)


class HeardCounting(HeardEmbedder):
    """One that is told how many tokens it took, and hands that on."""

    def __init__(self, embedder: Embedder, counting: Counting) -> None:
        super().__init__(embedder)
        self._counting = counting

    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        with tracing.span("embedding_call", model=self.space.model, inputs=len(texts)) as span:
            vectors, tokens = self._counting.counted(texts)
            span.attributes["input_tokens"] = tokens
            return vectors, tokens


def heard_embedder(embedder: Embedder) -> Embedder:
    """`embedder`, each call of which is a span; what it remembers is no call."""
    if isinstance(embedder, Layered):
        inner: object = embedder.around(heard_embedder)
        return inner  # pyright: ignore[reportReturnType]  # a layer around embedders is one
    return HeardCounting(embedder, embedder) if isinstance(embedder, Counting) else HeardEmbedder(embedder)


def _limits(request: Completion) -> JsonObject:
    return {
        "max_tokens": request.max_output_tokens,
        "thinking_budget_tokens": request.thinking_budget_tokens,
        "temperature": request.temperature,
        "json_mode": request.answer is not None,
        "tools": [tool.name for tool in request.tools],
    }


def _role(turn: object) -> str:
    return type(turn).__name__.removesuffix("Turn").lower()


def _answered(reply: Reply) -> CallEnd:
    usage = reply.usage
    tokens = CallTokens(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.thinking_tokens)

    def said() -> JsonObject:
        return {"content": reply.text, "tool_calls": [cast(JsonObject, asdict(call)) for call in reply.tool_calls]}

    return CallEnd(tokens, reply.finish, None, said)


def _failed(error: BaseException) -> CallEnd:
    return CallEnd(CallTokens(), "error", type(error).__name__, _nothing)


def _nothing() -> JsonObject:
    return {}
