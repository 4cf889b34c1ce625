"""What travels in the body of a wake-up."""

import json

import pytest

from shared.domain.errors import Invalid
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.queue.envelope import pack, unpack

WAKE_UP = WakeUp(WorkUnit("w", TaskKind.DERIVE, "s", "ada"), 7)


def test_packed_and_unpacked_it_is_the_same():
    assert unpack(pack(WAKE_UP)) == WAKE_UP


def test_pack_holds_the_unit_and_the_number_alone():
    assert json.loads(pack(WAKE_UP)) == {"version": 1, "workspace": "w", "unit": "derive:s:ada", "number": 7}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        '"x"',
        "7",
        '{"version":2,"workspace":"w","unit":"derive:s:ada","number":7}',
        '{"version":1,"workspace":"w","unit":"derive:s:ada"}',
        '{"version":1,"workspace":"w","unit":"dig:s:ada","number":7}',
        '{"version":1,"workspace":"w","unit":"derive:s:ada","number":"7"}',
        '{"version":1,"workspace":7,"unit":"derive:s:ada","number":7}',
    ],
)
def test_unpack_of_anything_else_raises(body: str):
    with pytest.raises(Invalid):
        unpack(body)
