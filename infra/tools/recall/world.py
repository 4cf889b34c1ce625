"""A labelled world: people who tell about themselves over months, and questions whose evidence is known."""

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

Kind: TypeAlias = Literal["single", "update", "several", "temporal", "absent"]
KINDS: Final[tuple[Kind, ...]] = ("single", "several", "temporal", "update", "absent")
ASSISTANT: Final = "guide"
PEOPLE: Final = ("amelie", "boris", "chiara", "dmitri", "elena", "farid", "gesine", "hakan", "ilse", "jorge")

_SESSIONS: Final = 30
_ROUNDS: Final = 5
_OF_EACH_KIND: Final = 6
_BEGIN: Final = datetime(2025, 1, 6, 17, 30, tzinfo=UTC)
_BETWEEN_SESSIONS: Final = timedelta(days=5)
_BETWEEN_MESSAGES: Final = timedelta(minutes=2)
# Of what people say beside facts: about others, and questions to the assistant; the rest is small talk.
_ABOUT_OTHERS: Final = 0.25
_ASKING: Final = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the world."""

    session: str
    peer: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. `expected` are words that a right answer contains, one of each group; `evidence` places in the
    world's messages. Both are empty where the right answer is that nothing is known."""

    kind: Kind
    peer: str
    text: str
    expected: tuple[tuple[str, ...], ...]
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Messages in the order of their sessions, and what may be asked about them."""

    messages: tuple[Told, ...]
    questions: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing people may tell, in several wordings."""

    name: str
    values: tuple[str, ...]
    says: tuple[str, ...]
    asks: tuple[str, ...]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Planted:
    """A statement that must be said in one session, and the question it is evidence for."""

    session: int
    text: str
    question: int


def build(seed: int) -> World:
    """The world of `seed`: ten people, 3,000 messages, 300 questions, the same each time."""
    messages: list[Told] = []
    questions: list[Asked] = []
    for person in PEOPLE:
        told, asked = _Person(person, random.Random(f"{seed} {person}"), len(messages)).live()
        messages += told
        questions += asked
    return World(tuple(messages), tuple(questions))


class _Person:
    """One life, told in sessions."""

    def __init__(self, name: str, rng: random.Random, first_place: int) -> None:
        self._name = name
        self._rng = rng
        self._first_place = first_place
        self._facts = {kind: slots(kind) for kind in ("attribute", "list", "event")}
        self._values = {s.name: s.values for found in self._facts.values() for s in found}
        self._talk = _table("talk.toml")
        self._planted: list[_Planted] = []
        self._drafts: list[tuple[Kind, str, tuple[tuple[str, ...], ...]]] = []

    def live(self) -> tuple[list[Told], list[Asked]]:
        attributes = self._rng.sample(self._facts["attribute"], 3 * _OF_EACH_KIND)
        for slot in attributes[:_OF_EACH_KIND]:
            self._tell("single", slot, [slot.says], self._rng.sample(slot.values, 1))
        for slot in attributes[_OF_EACH_KIND : 2 * _OF_EACH_KIND]:
            self._tell("update", slot, [slot.says, slot.changes], self._rng.sample(slot.values, 2))
        for slot in attributes[2 * _OF_EACH_KIND :]:
            self._drafts.append(("absent", self._question(slot, ""), ()))
        for slot in self._rng.sample(self._facts["list"], _OF_EACH_KIND):
            self._tell("several", slot, [slot.says, slot.says], self._rng.sample(slot.values, 2))
        for slot in self._rng.sample(self._facts["event"], _OF_EACH_KIND):
            self._tell("temporal", slot, [slot.says], self._rng.sample(slot.values, 1))
        return self._written()

    def _tell(self, kind: Kind, slot: Slot, wordings: Sequence[Sequence[str]], values: Sequence[str]) -> None:
        sessions = sorted(self._rng.sample(range(_SESSIONS), len(values)))
        number = len(self._drafts)
        for session, wording, value in zip(sessions, wordings, values, strict=True):
            self._planted.append(_Planted(session, self._rng.choice(wording).format(value=value), number))
        expected = tuple((value,) for value in (values[-1:] if kind == "update" else values))
        if kind == "temporal":
            expected = (_spellings(_BEGIN + sessions[0] * _BETWEEN_SESSIONS),)
        self._drafts.append((kind, self._question(slot, values[0]), expected))

    def _question(self, slot: Slot, value: str) -> str:
        return self._rng.choice(slot.asks).format(peer=self._name, value=value)

    def _written(self) -> tuple[list[Told], list[Asked]]:
        messages: list[Told] = []
        places: dict[int, list[int]] = {}
        for session in range(_SESSIONS):
            due = [one for one in self._planted if one.session == session]
            rounds = self._rng.sample(range(max(_ROUNDS, len(due))), len(due))
            at = _BEGIN + session * _BETWEEN_SESSIONS
            for number in range(max(_ROUNDS, len(due))):
                fact = next((one for one, place in zip(due, rounds, strict=True) if place == number), None)
                if fact is not None:
                    places.setdefault(fact.question, []).append(self._first_place + len(messages))
                for peer, text in (
                    (self._name, self._said(fact)),
                    (ASSISTANT, self._rng.choice(self._talk["replies"])),
                ):
                    messages.append(Told(f"{self._name}-{session}", peer, text, at))
                    at += _BETWEEN_MESSAGES
        return messages, [self._asked(number, places.get(number, [])) for number in range(len(self._drafts))]

    def _said(self, fact: _Planted | None) -> str:
        if fact is None:
            return " ".join(self._aside() for _ in range(self._rng.choice((1, 2))))
        around = [fact.text, *([self._aside()] if self._rng.random() < 0.5 else [])]
        self._rng.shuffle(around)
        return " ".join(around)

    def _aside(self) -> str:
        drawn = self._rng.random()
        if drawn < _ABOUT_OTHERS:
            values = {name: self._rng.choice(found) for name, found in self._values.items()}
            return self._rng.choice(self._talk["others"]).format(other=self._rng.choice(self._talk["names"]), **values)
        return self._rng.choice(self._talk["asks" if drawn < _ABOUT_OTHERS + _ASKING else "small"])

    def _asked(self, number: int, places: list[int]) -> Asked:
        kind, text, expected = self._drafts[number]
        # Of something that changed only the last word counts.
        return Asked(kind, self._name, text, expected, tuple(places[-1:] if kind == "update" else places))


def slots(kind: str) -> tuple[Slot, ...]:
    """The things of one kind that people may tell."""
    found = cast(list[dict[str, str | list[str]]], _table("facts.toml")[kind])
    return tuple(
        Slot(str(row["name"]), *(tuple(row.get(key, ())) for key in ("values", "says", "asks", "changes")))
        for row in found
    )


def _spellings(day: datetime) -> tuple[str, ...]:
    """A date as people and models write it."""
    return (
        f"{day:%Y-%m-%d}",
        *(f"{day.day} {day:{month} %Y}" for month in ("%B", "%b")),
        f"{day:%B} {day.day}, {day.year}",
    )


def _table(name: str) -> dict[str, list[str]]:
    return cast(dict[str, list[str]], tomllib.loads((Path(__file__).parent / name).read_text()))
