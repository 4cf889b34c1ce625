"""Orders in events: told from a schedule's, and refused where they make no sense."""

import pytest

from shared.domain.errors import Invalid
from shared.domain.order import Order

ORDERS = [
    *(Order("flush"), Order("retry"), Order("pending", "w"), Order("drop", "w", "derive:s:ada")),
    Order("revoke", key="key_1"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_order_in_an_event_is_read_again(order: Order):
    assert Order.read(order.event()) == order


@pytest.mark.parametrize("event", [{}, None, [], "flush", {"source": "aws.scheduler", "detail": "{}"}])
def test_event_of_a_schedule_holds_no_order(event: object):
    assert Order.read(event) is None


@pytest.mark.parametrize(
    "event",
    [
        {"order": "forget"},
        {"order": None},
        {"order": "drop"},
        {"order": "revoke"},
        {"order": "revoke", "key": "two words"},
        {"order": "flush", "key": "key_1"},
        {"order": "retry", "unit": "derive:s:ada"},
        {"order": "drop", "workspace": ""},
        {"order": "flush", "workspace": 7},
        {"order": "drop", "workspace": "w", "unit": []},
    ],
)
def test_order_that_makes_no_sense_is_refused(event: object):
    with pytest.raises(Invalid):
        Order.read(event)
