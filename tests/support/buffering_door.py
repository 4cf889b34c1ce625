"""A door before a real service that passes answers on only when it has all of them: a gateway that does not stream."""

import httpx

from tests.support.served import QuietHandler, Served

_PER_CONNECTION = frozenset({"connection", "transfer-encoding", "content-length", "content-encoding", "host"})


class BufferingDoor(Served):
    """Serves what `behind` serves, while entered."""

    def __init__(self, behind: str) -> None:
        super().__init__(_Handler)
        self.behind = behind


class _Handler(QuietHandler):
    def _pass_on(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _PER_CONNECTION}
        url = self.server.owner.behind + self.path
        answer = httpx.request(self.command, url, content=self.body(), headers=headers, timeout=60)
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _PER_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on
