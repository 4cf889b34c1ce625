"""Many writers at once: places without gaps, and nobody waits in a circle."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.message import MessageDraft
from shared.domain.work import TaskKind
from shared.memory.record import record_messages
from shared.memory.relay import relay

WRITERS = 16


@pytest.fixture
def crowded(place):
    """Room for all writers, and a gate that every batch passes, so that marks and plans meet on the unit rows."""
    return place.configured(deriver={"flush_enabled": True})


def test_record_by_many_writers_on_one_session_leaves_no_gap(crowded):
    def write(writer: int) -> list[int]:
        return [
            message.seq
            for batch in range(6)
            for message in crowded.says("s", *((f"p{(writer + n) % 5}", f"{writer} {batch} {n}") for n in range(3)))
        ]

    with ThreadPoolExecutor(WRITERS) as pool:
        seqs = [seq for mine in pool.map(write, range(WRITERS)) for seq in mine]

    assert sorted(seqs) == list(range(1, WRITERS * 6 * 3 + 1))
    units = [crowded.unit("s", f"p{n}") for n in range(5)]
    assert sorted(row["seq"] for unit in units for row in crowded.items(unit)) == sorted(seqs)
    assert all(crowded.unit_row(unit)["pending_items"] == len(crowded.items(unit)) for unit in units)


def test_record_by_many_writers_in_a_new_workspace_stores_everything(crowded):
    def write(writer: int) -> int:
        peers = [f"p{n}" for n in range(8)]
        random.Random(writer).shuffle(peers)
        return len(crowded.says(f"s{writer % 3}", *((peer, f"{writer} {peer}") for peer in peers)))

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(write, range(WRITERS))) == WRITERS * 8

    found = crowded.rows("SELECT session, seq FROM messages WHERE workspace = %(workspace)s ORDER BY 1, 2")
    for session in ("s0", "s1", "s2"):
        seqs = [row["seq"] for row in found if row["session"] == session]
        assert seqs == list(range(1, len(seqs) + 1))
    assert len(found) == WRITERS * 8


def test_record_beside_relay_and_workers_on_the_same_units_meets_no_deadlock(crowded):
    """Writers plan units in order, marks and relays take several at once: each pair must agree on the order."""

    def write(writer: int) -> None:
        for batch in range(8):
            drafts = [MessageDraft(f"p{(writer + n) % 6}", f"{writer} {batch}") for n in range(6)]
            record_messages(crowded.backends, crowded.workspace, "s", drafts)

    def disturb(worker: int) -> None:
        for turn in range(16):
            crowded.claims(crowded.unit("s", f"p{(worker + turn) % 6}"))
            crowded.clock.advance(seconds=6)
            relay(crowded.backends)

    crowded.says("s", *((f"p{n}", "first") for n in range(6)))
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(write, n) for n in range(6)] + [pool.submit(disturb, n) for n in range(4)]
        for task in running:
            task.result()

    assert crowded.count("messages") == 6 + 6 * 8 * 6
    assert len(crowded.items(crowded.unit("s", kind=TaskKind.INDEX))) == 1 + 6 * 8
