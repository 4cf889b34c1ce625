"""What an operator may ask of the scheduled function, besides its visit."""

from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from shared.domain.errors import Invalid
from shared.domain.json import JsonObject
from shared.domain.principal import KEY_ID

OrderKind = Literal["pending", "flush", "parked", "retry", "drop", "revoke"]
"""`pending` and `parked` show what waits and what was set aside; `flush` makes what waits due, `retry` and `drop`
settle what was set aside; `revoke` ends a key."""

# What no scheduler writes into an event.
_KEY: Final = "order"


@dataclass(frozen=True, slots=True)
class Order:
    """One order, for one workspace or, but for giving up, for all; `unit` is one of its, as `parked` shows it."""

    kind: OrderKind
    workspace: str | None = None
    unit: str | None = None
    # The id of one, never a key itself: it travels in what others may log.
    key: str | None = None

    @property
    def makes_due(self) -> bool:
        return self.kind in ("flush", "retry", "drop")

    def event(self) -> JsonObject:
        """What to invoke the function with."""
        return {_KEY: self.kind, "workspace": self.workspace, "unit": self.unit, "key": self.key}

    @classmethod
    def read(cls, event: object) -> "Order | None":
        """The order in an event; None in one of a schedule. Raises `Invalid` for one that makes no sense."""
        if not isinstance(event, dict) or _KEY not in event:
            return None
        given = cast(dict[str, object], event)
        kind, workspace, unit = (given.get(name) for name in (_KEY, "workspace", "unit"))
        if kind not in get_args(OrderKind):
            raise Invalid(f"an order is one of {', '.join(get_args(OrderKind))}")
        if not all(one is None or (isinstance(one, str) and one) for one in (workspace, unit)):
            raise Invalid("workspace and unit of an order are names")
        key = given.get("key")
        if (kind == "revoke") != isinstance(key, str) or (isinstance(key, str) and not KEY_ID.fullmatch(key)):
            raise Invalid("the id of a key belongs to an order to revoke it")
        order = cls(*cast("tuple[OrderKind, str | None, str | None, str | None]", (kind, workspace, unit, key)))
        # What is given up is gone; what is tried again, of whomever, is merely tried again.
        if order.workspace is None and (order.kind == "drop" or order.unit is not None):
            raise Invalid(f"{order.kind} is ordered for one workspace")
        return order
