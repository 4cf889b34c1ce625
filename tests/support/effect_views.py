"""What can be seen of a setting: each view looks at a scene and gives something comparable."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from infra.bootstrap import ROOT
from infra.local.admission import admission
from infra.local.models_in_use import in_use
from infra.local.runtime import pool_size
from infra.local.template import load as load_template
from shared.domain.conclusion import Collection
from shared.domain.errors import ServiceError
from shared.domain.principal import Principal
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.llm.types import SystemTurn, UserTurn
from shared.memory import keys, metering
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.planning import derive_gate, rhythm
from shared.memory.relay import relay
from shared.memory.represent import represent
from shared.memory.work import give_up_parked
from shared.reasoning.surprisal import surprising
from shared.settings.models import ReasoningLevel
from shared.store import cards, work
from shared.telemetry.logs import configure, logger
from tests.support.backends import AnsweringModel, facts
from tests.support.effects import Scene, ToolLover, tool_texts

View = Callable[[Scene], object]


def models(scene: Scene) -> object:
    """Which model does what, and how it is reached."""
    try:
        return in_use(scene.settings)
    except ServiceError as error:
        return str(error)


def threshold_of_logs(scene: Scene) -> object:
    before = logger.log_level
    try:
        configure(scene.settings.app.log_level, "test")
        return logger.log_level
    finally:
        logger.setLevel(before)
        logger.remove_keys(["function"])


def namespaces(scene: Scene) -> object:
    return [scene.settings.namespace(section) for section in ("cache", "vector_store", "metrics", "telemetry")]


def budget(scene: Scene) -> object:
    """What a workspace may spend that has no budget of its own."""
    return metering.usual_budget(scene.backends)


def two_observers(scene: Scene) -> object:
    watching = {"observe_me": True, "observe_others": True}
    body = {"id": "s", "peers": {"ada": watching, "bob": watching}}
    scene.requests("POST", "/v3/workspaces", json={"id": scene.workspace})
    return scene.requests("POST", "/sessions", json=body).status_code


def context_of_twenty_tokens(scene: Scene) -> object:
    scene.says("s", ("ada", "hello"))
    return scene.requests("GET", "/sessions/s/context", params={"tokens": 20}).status_code


def message_of_six_letters(scene: Scene) -> object:
    body = {"messages": [{"peer_id": "ada", "content": "sixsix"}]}
    return scene.requests("POST", "/sessions/s/messages", json=body).status_code


def file_of_six_letters(scene: Scene) -> object:
    more = {"files": {"file": ("a.txt", b"sixsix", "text/plain")}, "data": {"peer_id": "ada"}}
    return scene.requests("POST", "/sessions/s/messages/upload", **more).status_code


def life_of_an_idempotency_key(scene: Scene) -> object:
    scene.requests("POST", "/peers", json={"id": "ada"}, headers={"Idempotency-Key": "k"})
    [row] = scene.rows("SELECT expires_at FROM idempotency_keys WHERE workspace = %(workspace)s")
    return row["expires_at"] - scene.clock.now()


def origins_let_in(scene: Scene) -> object:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    return scene.requests("OPTIONS", "/peers", headers=asked).headers.get("access-control-allow-origin")


def documentation(scene: Scene) -> object:
    return [scene.requests("GET", f"/v3/{page}").status_code for page in ("openapi.json", "docs", "redoc")]


def body_of_two_kilobytes(scene: Scene) -> object:
    return scene.requests("POST", "/peers/list", content=b"{" + b" " * 2046 + b"}").status_code


def waiting_at_the_door(scene: Scene) -> object:
    """How many of four are let wait in front of one place."""

    async def crowd() -> int:
        door = admission(scene.settings.api, 1)
        await door.enter(is_read=True)
        others = [asyncio.create_task(door.enter(is_read=True)) for _ in range(4)]
        await asyncio.sleep(0)
        waiting = door.describe()["waiting"]
        await asyncio.gather(*others)
        return waiting

    return asyncio.run(crowd())


def patience_at_the_door(scene: Scene) -> object:
    """Whether whoever waits has been sent away before half a second is over."""

    async def wait() -> bool:
        door = admission(scene.settings.api, 1)
        await door.enter(is_read=True)
        waiting = asyncio.create_task(door.enter(is_read=True))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        waiting.cancel()
        return bool(done)

    return asyncio.run(wait())


def prepared_statements(scene: Scene) -> object:
    with scene.backends.db.reading() as conn:
        conn.execute("SELECT 1")
        row = conn.execute("SELECT count(*) > 0 FROM pg_prepared_statements").fetchone()
    return row


def pipeline(scene: Scene) -> object:
    with scene.backends.db.transaction() as conn, scene.backends.db.together(conn):
        return conn.info.pipeline_status.name


def reading_without_a_key(scene: Scene) -> object:
    return scene.requests("POST", "/peers/list").status_code


def what_a_key_opens(scene: Scene) -> object:
    """Whether a key of the usual secret is accepted."""
    auth = scene.settings.auth
    secret = auth.model_validate({"use_auth": True, "jwt_secret": "a secret that nobody can guess, ever"})
    token = keys.issue(secret, Principal(True, None, None, None), now=scene.clock.now()).token
    return scene.requests("POST", "/peers/list", headers={"Authorization": f"Bearer {token}"}).status_code


def metrics(scene: Scene) -> object:
    return scene.requests("GET", "/v3/metrics").status_code


def two_endpoints(scene: Scene) -> object:
    scene.says("s", ("ada", "hello"))
    at = [scene.requests("POST", "/webhooks", json={"url": f"https://{n}.example/hook"}) for n in ("a", "b")]
    return [answer.status_code for answer in at]


def private_endpoint(scene: Scene) -> object:
    scene.says("s", ("ada", "hello"))
    return scene.requests("POST", "/webhooks", json={"url": "http://127.0.0.1:1/hook"}).status_code


def what_a_tool_says(scene: Scene) -> object:
    model = ToolLover("grep_messages", {"text": "Porto"})
    return tool_texts(scene.answers("medium", model=model))


def history_a_tool_shows(scene: Scene) -> object:
    model = ToolLover("get_recent_history", {})
    return tool_texts(scene.answers("medium", model=model))


def deriver_environments(scene: Scene) -> object:
    return pool_size(load_template(ROOT / "template.yaml").functions["DeriverFunction"], scene.settings)


def lease(scene: Scene) -> object:
    """For how long the work is held while the model is asked."""
    held: list[timedelta] = []

    def answered(_: object) -> str:
        held.append(scene.unit_row(scene.unit("s", "ada"))["lease_until"] - scene.clock.now())
        return facts()

    scene.derives(model=AnsweringModel(answered))
    return held


def parked_after_two_minutes(scene: Scene) -> object:
    scene.says("s", ("ada", "hello"))
    claimed = scene.claims(unit := scene.unit("s", "ada"))
    assert claimed is not None
    with scene.backends.db.transaction() as conn:
        work.park(conn, claimed, "broken", gate=derive_gate(scene.settings), now=scene.clock.now())
    scene.clock.advance(minutes=2)
    give_up_parked(scene.backends)
    row = scene.unit_row(unit)
    return row["parked_items"], row["done_items"], scene.items(unit)[0]["state"]


def derivation(attribute: str) -> View:
    """What the model is asked with."""
    return lambda scene: getattr(scene.derives()[0], attribute)


def long_instructions(scene: Scene) -> object:
    body = {"id": scene.workspace, "configuration": {"reasoning": {"custom_instructions": "Note every colour."}}}
    return scene.requests("POST", "/v3/workspaces", json=body).status_code


def conclusions_of_the_same_meaning(scene: Scene) -> object:
    scene.embedder.alike["ada resides in Porto"] = "ada lives in Porto"
    for fact in ("ada lives in Porto", "ada resides in Porto"):
        scene.derives("I live in Porto.", model=AnsweringModel(lambda _, fact=fact: facts(fact)))
    return len(scene.conclusions())


def texts_in_logs(scene: Scene) -> object:
    """Whether a conclusion's text is in any line that is logged."""
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(str(record.__dict__))
    lines, before = logging.getLogger(logger.name), logger.log_level
    logger.setLevel("INFO")
    lines.addHandler(handler)
    try:
        scene.derives(model=AnsweringModel(lambda _: facts("ada lives in Porto")))
    finally:
        lines.removeHandler(handler)
        logger.setLevel(before)
    return any("ada lives in Porto" in line for line in seen)


def _knows(scene: Scene, *contents: str) -> Collection:
    scene.joins("s", ada=ObservationSettings())
    for content in contents:
        scene.clock.advance(minutes=1)
        create_conclusions(scene.backends, scene.workspace, [GivenConclusion("ada", "ada", None, content)])
    return Collection(scene.workspace, "ada", "ada")


def size_of_a_representation(scene: Scene) -> object:
    return len(represent(scene.backends, _knows(scene, "one", "two", "three")))


def gate_and_window(scene: Scene) -> object:
    return derive_gate(scene.settings), scene.settings.deriver.window_tokens


def use_of_a_card(scene: Scene) -> object:
    scene.says("s", ("ada", "hello"))
    with scene.backends.db.transaction() as conn:
        collection = Collection(scene.workspace, "ada", "ada")
        cards.put(conn, collection, ["IDENTITY: Ada Lovelace"], scene.clock.now())
    texts = [turn.text for turn in scene.answers("low")[0].turns if isinstance(turn, SystemTurn | UserTurn)]
    return any("Ada Lovelace" in text for text in texts)


def summary(purpose: str, attribute: str) -> View:
    return lambda scene: [getattr(one, attribute) for one in scene.summarizes() if one.purpose == purpose]


def question(level: ReasoningLevel, attribute: str) -> View:
    return lambda scene: getattr(scene.answers(level)[0], attribute)


def patience_of_a_question(scene: Scene) -> object:
    """Of the first call, to the second: the clock runs."""
    return round(scene.answers("low")[0].timeout_s or 0)


def prompt_of_a_question(scene: Scene) -> object:
    return [turn.text for turn in scene.answers("low")[0].turns if isinstance(turn, SystemTurn | UserTurn)]


def rounds_of_a_question(level: ReasoningLevel) -> View:
    """How often a model is asked that always wants to look something up."""
    model = {"text": "Porto"} if level != "minimal" else {"query": "Porto"}
    tool = "grep_messages" if level != "minimal" else "search_memory"
    return lambda scene: len(scene.answers(level, model=ToolLover(tool, model)))


def size_of_a_long_conversation(scene: Scene) -> object:
    """Letters of the last request of a model that looks things up again and again."""
    requests = scene.answers("max", model=ToolLover("get_recent_history", {}))
    return sum(len(turn.text) for turn in requests[-1].turns)


def rhythm_of_dreams(scene: Scene) -> object:
    return rhythm(scene.settings)


def dreaming(attribute: str) -> View:
    return lambda scene: getattr(scene.dreams()[0], attribute)


def patience_of_a_dream(scene: Scene) -> object:
    return round(scene.dreams()[0].timeout_s or 0)


def rounds_of_a_dream(scene: Scene) -> object:
    return len(scene.dreams(model=ToolLover("search_memory", {"query": "Porto"})))


def surprises(scene: Scene) -> object:
    fruit = "apple pear plum cherry peach grape melon fig lemon quince".split()
    return [one.content for one in surprising(scene.backends, _knows(scene, *(f"ada likes {name}" for name in fruit)))]


def wake_ups_sent_again(scene: Scene) -> object:
    """Whether a wake-up that got lost is sent again after twenty minutes."""
    scene.says("s", ("ada", "hello"))
    scene.queue.take(TaskKind.DERIVE)
    scene.clock.advance(minutes=20)
    relay(scene.backends)
    return len(scene.queue.take(TaskKind.DERIVE))
