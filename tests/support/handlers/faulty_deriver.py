"""The deriver with its genuine verb, around which faults strike as the plan in `FAULTS_FOLDER` says."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psycopg

from shared.backends import Backends, ConfiguredModels, open_backends
from shared.domain.work import TaskKind, WakeUp
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, Delta, Reply, UserTurn
from shared.queue.batch import BatchResult, SqsEvent, consume
from shared.queue.envelope import unpack
from shared.queue.sqs import WorkQueue
from shared.reasoning.derive import derive
from shared.settings import Settings, load
from shared.settings.sections import DbSettings
from shared.store.database import Connection, Database
from shared.telemetry.logs import configure
from tests.support.fault_folder import FaultFolder, fault_of

T = TypeVar("T")
_LONG_S = 60.0
_settings = load()
configure(_settings.app.log_level, "deriver")
_folder = FaultFolder(Path(os.environ["FAULTS_FOLDER"]))


class Strike:
    """The fault of the invocation at hand, if any."""

    def __init__(self) -> None:
        self._held: Path | None = None
        self._unit = ""

    def draw(self, unit: str) -> None:
        """Take the next number and a fault planned for it or before, unless one is still held."""
        number = _folder.next_number()
        self._held = self._held or _folder.hold(number)
        self._unit = unit

    def is_now(self, *faults: str) -> bool:
        """Whether one of these was drawn; once only."""
        if self._held is None or fault_of(self._held) not in faults:
            return False
        held, self._held = self._held, None
        _folder.strike(held, self._unit)
        return True


strike = Strike()


class FaultyModel:
    """The genuine model; the process may end, or be killed, or hang, once it has answered."""

    def __init__(self, inner: ChatModel) -> None:
        self._inner = inner
        self.name = inner.name

    def complete(self, request: Completion) -> Reply:
        reply = self._inner.complete(request)
        if strike.is_now("exit after model"):
            os._exit(3)
        if strike.is_now("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if strike.is_now("hang"):
            time.sleep(_LONG_S)
        return reply

    def stream(self, request: Completion) -> Iterator[Delta]:
        return self._inner.stream(request)


class FaultyModels(ConfiguredModels):
    """The configured models, the deriver's with faults."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._deriver: ChatModel | None = None

    def deriver(self) -> ChatModel:
        self._deriver = self._deriver or FaultyModel(super().deriver())
        return self._deriver


class FaultyQueue:
    """The genuine queue; the process may end on either side of a send."""

    def __init__(self, inner: WorkQueue) -> None:
        self._inner = inner

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        if strike.is_now("exit before send"):
            os._exit(3)
        sent = self._inner.send(wake_ups)
        if strike.is_now("exit before sent_at"):
            os._exit(3)
        return sent

    def put_back(self, kind: TaskKind, receipt: str, *, after_s: int) -> None:
        self._inner.put_back(kind, receipt, after_s=after_s)


class FaultyDatabase(Database):
    """The genuine database; the second transaction of an invocation, the one that finishes, may meet a fault."""

    def __init__(self, settings: DbSettings) -> None:
        super().__init__(settings)
        self._dsn = settings.dsn
        self.transactions = 0

    def run(self, work: Callable[[Connection], T], *, happened: Callable[[Connection], bool] = lambda _: False) -> T:
        self.transactions += 1
        if self.transactions == 1:
            return super().run(work, happened=happened)

        def struck(conn: Connection) -> T:
            if strike.is_now("cut before statements"):
                self._terminate(conn)
            result = work(conn)
            if strike.is_now("cut at commit"):
                self._terminate(conn)
            return result

        if strike.is_now("cut while resting"):
            with self.reading() as conn:
                self._terminate(conn)
        if strike.is_now("exit before commit"):
            os._exit(3)
        result = super().run(struck, happened=happened)
        if strike.is_now("exit after commit"):
            os._exit(3)
        return result

    def _terminate(self, conn: Connection) -> None:
        with suppress(psycopg.Error), psycopg.connect(self._dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])


def _faulty(genuine: Backends, db: FaultyDatabase) -> Backends:
    return replace(genuine, db=db, queue=FaultyQueue(genuine.queue), models=FaultyModels(genuine.settings))


database = FaultyDatabase(_settings.db)
backends = _faulty(open_backends(_settings), database)
# While loading, which the timeout does not count: with seconds instead of minutes, a cold start would be a hang.
backends.models.deriver().complete(Completion(turns=(UserTurn("warm"),), purpose="derive", max_output_tokens=1))
backends.models.embedder().embed(["warm"])


def lambda_handler(event: SqsEvent, context: object) -> BatchResult:
    """As the genuine handler, with at most one fault."""
    [record] = event["Records"]
    _folder.note_tried(record["messageId"])
    strike.draw(unpack(record["body"]).unit.key)
    database.transactions = 0
    if strike.is_now("reported"):
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    if strike.is_now("exception"):
        raise RuntimeError("as planned")
    if strike.is_now("exit"):
        os._exit(3)
    return consume(event, lambda wake_up: derive(backends, wake_up), backends.queue)
