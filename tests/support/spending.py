"""Calls of models with a price, and a worker that makes them until it is killed."""

import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg

from shared.domain.ids import new_id
from shared.domain.spending import Budget
from shared.domain.usage import ModelCall, Tokens
from shared.store import budgets
from shared.store.budgets import Wish
from tests.support.backends import THEN

CENT = Decimal("0.01")


def a_call(
    usd: Decimal | None = CENT,
    *,
    id: str | None = None,
    at: datetime = THEN,
    feature: str = "derive",
    model: str = "m",
    run: str = "r",
    tokens: Tokens = Tokens(10, 4, 1, 5, 2),  # noqa: B008
) -> ModelCall:
    """A call that was answered."""
    return ModelCall(id or new_id(), run, at, feature, "p", model, "answered", tokens, 100, usd)


def spend_until_killed(dsn: str, workspace: str, seed: int) -> None:
    """Reserve random amounts, pay at most as much, and print what was truly paid, before anybody else is told.

    A line is `limit of the call, paid`. Now and then the process dies between a reservation and its settlement.
    """
    dice = random.Random(seed)
    with psycopg.connect(dsn, autocommit=True) as conn:
        while True:
            now = datetime.now(UTC)
            most = CENT * dice.randint(1, 30)
            wish = Wish(new_id(), most, now + timedelta(seconds=2))
            if not budgets.reserve(conn, workspace, wish, Budget(), now=now).is_granted:
                print("refused", flush=True)
                time.sleep(0.01)
                continue
            time.sleep(dice.random() / 200)
            if dice.random() < 0.04:
                os._exit(9)
            paid = most * dice.randint(0, 100) / 100
            call = a_call(paid, id=wish.id, at=now)
            budgets.settle(conn, workspace, [call], Budget(), now=datetime.now(UTC))
            print(f"{most} {paid}", flush=True)


if __name__ == "__main__":
    spend_until_killed(sys.argv[1], sys.argv[2], int(sys.argv[3]))
