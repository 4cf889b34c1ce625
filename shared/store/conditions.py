"""Conditions of dynamic queries: composed SQL with its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression and the named parameters it uses."""

    text: sql.Composable
    params: Mapping[str, object] = field(default_factory=dict[str, object])

    def and_(self, other: "Condition | None") -> "Condition":
        """Both. Their parameters must not share names."""
        if other is None:
            return self
        text = sql.SQL("({}) AND ({})").format(self.text, other.text)
        return Condition(text, {**self.params, **other.params})
