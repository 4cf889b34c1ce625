"""Embeddings of any number of dimensions without a key, and the server that the stack under load asks for them."""

import base64
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from shared.llm.provider import Embedder

MODEL: Final = "text-embedding-3-small"
_SEED: Final = 20240101


class Meaning:
    """The offline embedder's vectors, turned into a space of `dimensions`: what was near stays as near.

    So they have the shape of a language's meaning, as random vectors have not, at the size of a large model's.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def of(self, texts: Sequence[str]) -> "NDArray[numpy.float32]":
        """A row of length 1 per text."""
        import numpy

        told = numpy.asarray(self._embedder.embed(texts), dtype="float32")
        turned = told @ self._turn
        return cast("NDArray[numpy.float32]", turned / numpy.linalg.norm(turned, axis=1, keepdims=True))

    @cached_property
    def _embedder(self) -> "Embedder":
        from shared.llm.offline_embeddings import HashEmbedder, word_embedder

        return word_embedder() or HashEmbedder(512)

    @cached_property
    def _turn(self) -> "NDArray[numpy.float32]":
        import numpy

        shape = (self._embedder.space.dimensions, self.dimensions)
        return numpy.random.default_rng(_SEED).standard_normal(shape).astype("float32")


class MeaningServer:
    """Answers OpenAI's protocol for embeddings on a free port of this machine while it is entered."""

    def __init__(self, meaning: Meaning) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: without this the second waits for the client's acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                asked = cast(dict[str, Any], json.loads(self.rfile.read(int(self.headers["content-length"]))))
                texts = [asked["input"]] if isinstance(asked["input"], str) else list(asked["input"])
                rows = meaning.of(texts)
                data = [
                    {"index": n, "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode()}
                    for n, row in enumerate(rows)
                ]
                body = json.dumps({"model": asked["model"], "data": data}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: requests hold what was asked."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
