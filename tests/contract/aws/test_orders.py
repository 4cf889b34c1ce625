"""An operator's verbs on a stack on AWS: boto3 asks its tick, whose very code works on a real database."""

import re
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploy.account import Account, open_account
from infra.deploy.deploy import deploy
from infra.deploy.tick import ask
from infra.tools.orders.flush import flush
from infra.tools.orders.parked import parked
from infra.tools.orders.status import status
from shared.domain.order import Order
from shared.memory.orders import carry_out
from shared.memory.work import park
from tests.support.aws.deployment import Machine, machine
from tests.support.aws.functions import Failed
from tests.support.aws.protocol import Fault
from tests.support.backends import (
    AnsweringModel,
    FrozenClock,
    RecordingQueue,
    TinyEmbedder,
    ensure_tiny_space,
    facts,
    make_backends,
)
from tests.support.ordering import Ordered, ordered
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Workplace

Verb = Callable[[list[str]], int]
WHERE = ("--stack-name", "honcho-zero")
WORK = ("--workspace", "w", *WHERE)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    with machine(tmp_path, monkeypatch) as one:
        one.given_stack("honcho-zero", Profile="zero")
        yield one


@pytest.fixture
def place(database_dsn: str, owner_dsn: str, here: Machine) -> Generator[Ordered]:
    """What the function works on: a database that sleeps unless tick is ordered."""
    ensure_tiny_space(owner_dsn)
    embedder, queue, clock = TinyEmbedder(), RecordingQueue(), FrozenClock()
    models = FixedModels(AnsweringModel(lambda _: facts()), embedder)
    backends = make_backends(database_dsn, models=models, clock=clock, queue=queue)
    found = ordered(Workplace(backends, "w", clock, queue, embedder))

    def answer(event: object) -> object:
        order = Order.read(event)
        assert order is not None
        return carry_out(found.backends, order)

    here.account.functions.answer = answer
    yield found
    backends.db.close()


def given_parked(place: Ordered) -> str:
    """The unit of an item that was set aside; nothing else is owed, and no visit is ordered."""
    eager = place.configured(deriver={"flush_enabled": True})
    eager.says("s", ("ada", "I live in Porto."))
    unit = place.unit("s", "ada")
    claimed = eager.claims(unit)
    assert claimed is not None
    park(place.backends, claimed, "AnswerUnreadable: not the form that was asked for")
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE work_units SET due_at = NULL")
        conn.execute("UPDATE tick_timer SET armed_for = NULL")
    place.timer.at = None
    return unit.key


def test_parked_work_on_aws_is_listed_with_its_unit_and_error(here: Machine, place: Ordered):
    unit = given_parked(place)
    ran = here.run(parked, "list", *WHERE)
    assert (ran.code, ran.err) == (0, "")
    assert re.search(rf"w  {unit}  message \S+  attempts 1: AnswerUnreadable: not the form that was asked", ran.out)
    assert place.timer.at is None


@pytest.mark.parametrize(("order", "told"), [("retry", "1 item put back to work.\n"), ("drop", "1 item given up.\n")])
def test_parked_work_on_aws_is_settled(here: Machine, place: Ordered, order: str, told: str):
    unit = given_parked(place)
    ran = here.run(parked, order, "--unit", unit, *WORK)
    assert (ran.code, ran.out) == (0, told)
    assert place.unit_row(place.unit("s", "ada"))["parked_items"] == 0
    # Where tick is ordered, whatever is due now has a visit.
    assert (place.timer.at is not None) == (order == "retry")
    again = here.run(parked, order, "--unit", unit, *WORK)
    assert (again.code, again.out) == (1, "")
    assert "Nothing is parked in unit derive:s:ada of w" in again.err


def test_parked_work_of_every_workspace_is_put_back_by_one_order(here: Machine, place: Ordered):
    """Whatever failed while a key was wrong, once it is right; giving up is ordered one by one."""
    for workspace in ("w", "other"):
        given_parked(replace(place, workspace=workspace))
    assert here.run(parked, "retry", "--all", *WHERE).out == "2 items put back to work.\n"
    assert here.run(parked, "list", *WHERE).out == "Nothing is parked.\n"
    with pytest.raises(SystemExit):
        here.run(parked, "drop", "--all", *WHERE)


def test_flush_on_aws_makes_due_what_waits(here: Machine, place: Ordered):
    place.configured(app={"embed_messages": False}).says("s", ("ada", "hm"))
    assert here.run(flush, *WORK).out == "2 waiting units of w made due now.\n"
    assert place.timer.at is not None


def test_status_on_aws_says_what_waits_and_why(here: Machine, place: Ordered):
    given_parked(place)
    place.says("t", ("bob", "hm"))
    ran = here.run(status, *WHERE)
    assert (ran.code, ran.err) == (0, "")
    assert "w/derive:t:bob: 1 item" in ran.out
    assert "gathering tokens, again in" in ran.out
    assert "1 parked item: see" in ran.out


@pytest.mark.parametrize(("verb", "words"), [(parked, ["list"]), (flush, []), (status, [])])
def test_verb_for_a_stack_that_is_not_there_says_where_it_looked(here: Machine, verb: Verb, words: list[str]):
    ran = here.run(verb, *words, "--stack-name", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "There is no stack nowhere in account 123456789012, region eu-west-1." in ran.err


def test_order_that_fails_names_the_error_and_hands_on_no_text(here: Machine):
    def fails(event: object) -> object:
        raise Failed("OperationalError")

    here.account.functions.answer = fails
    ran = here.run(flush, *WHERE)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "The visit failed (OperationalError): see the log of TickFunction in CloudWatch.\n"


def test_order_while_the_database_sleeps_says_to_try_again(here: Machine):
    def sleeps(event: object) -> object:
        raise Failed("DatabaseUnavailable")

    here.account.functions.answer = sleeps
    assert "try again then" in here.run(flush, *WHERE).err


def test_order_to_a_release_that_knows_none_says_so(here: Machine):
    ran = here.run(flush, *WHERE)
    assert ran.code == 1
    assert "The service is of a release that takes no such order: `python3 -m infra deploy` renew it." in ran.err


def test_order_without_the_right_to_invoke_names_the_right(here: Machine):
    here.account.functions.fault = Fault("AccessDeniedException", "User is not authorized", 403)
    ran = here.run(flush, *WHERE)
    assert ran.code == 1
    assert "needs lambda:InvokeFunction" in ran.err


def account(here: Machine) -> Account:
    return open_account(here.account.region)


def test_visit_is_asked_of_the_stacks_own_function(here: Machine):
    assert ask(account(here), "honcho-zero", {})["sent"] == 2
    [(name, event)] = here.account.functions.invoked
    assert (name, event) == (here.account.stacks.find("honcho-zero").resources["TickFunction"][1], {})


@pytest.mark.slow
def test_deploy_has_tick_come_by_so_that_it_sets_its_schedule(here: Machine):
    ran = here.run(deploy, *here.deploying, "--no-smoke", "--profile", "zero", "--parameter", "LogLevel=DEBUG")
    assert (ran.code, "tick: came by, 2 wake-ups sent, next due nothing" in ran.out) == (0, True)
    assert [event for _, event in here.account.functions.invoked] == [{}]


@pytest.mark.slow
def test_deploy_whose_tick_fails_says_so(here: Machine):
    def fails(event: object) -> object:
        raise Failed("TimerUnavailable")

    here.account.functions.answer = fails
    ran = here.run(deploy, *here.deploying, "--no-smoke", "--profile", "zero", "--parameter", "LogLevel=DEBUG")
    assert ran.code == 3
    assert "base URL" in ran.out
    assert "The visit failed (TimerUnavailable)" in ran.err
    assert "hunter2" not in ran.out + ran.err
