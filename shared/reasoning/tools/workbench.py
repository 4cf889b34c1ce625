"""What a dream's specialist has read, and what it wants changed. Nothing is changed before the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from shared.backends import Backends
from shared.domain.card import Card, CardLine
from shared.domain.conclusion import Collection, Conclusion, Level, content_hash
from shared.domain.dream import Finding, Proposal, Removal
from shared.memory.recall import recall, vector_of
from shared.reasoning.toolkit import Refused, Rephrase

# More than anybody could find in what a run reads: a model that goes on is lost.
_MOST_FINDINGS = 60
_MOST_REMOVALS = 60


@dataclass(frozen=True, slots=True)
class Notes:
    """What lies on a workbench, to be laid out again by another process. `shown` are ids: rows say the rest."""

    card: Card = field(default_factory=Card)
    shown: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    removals: tuple[Removal, ...] = ()
    lines: tuple[CardLine, ...] | None = None


@dataclass(slots=True)
class Workbench:
    """One specialist's run. Calls of one turn run at the same time, hence the lock.

    `card` is the one that may be rewritten, as it was read. Only conclusions that were shown may be named as sources:
    whatever else a model writes there, it made up.
    """

    backends: Backends
    collection: Collection
    card: Card = field(default_factory=Card)
    _seen: dict[str, Conclusion] = field(default_factory=dict[str, Conclusion])
    _findings: dict[str, Finding] = field(default_factory=dict[str, Finding])
    _removals: dict[str, Removal] = field(default_factory=dict[str, Removal])
    _lines: tuple[CardLine, ...] | None = None
    _lock: Lock = field(default_factory=Lock)

    def showing(self, found: Iterable[Conclusion]) -> list[Conclusion]:
        """Those of `found` that still stand, from now on to be named."""
        with self._lock:
            standing = [one for one in found if one.id not in self._removals]
            self._seen |= {one.id: one for one in standing}
        return standing

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        vector = vector_of(self.backends, self.collection.workspace, query)
        return self.showing(recall(self.backends, self.collection, query, vector, k=k))

    def has_seen(self, conclusion_id: str) -> bool:
        return conclusion_id in self._seen

    def named(self, ids: Sequence[str], *, least: int = 1) -> list[Conclusion]:
        """The conclusions of these ids. Raises `Rephrase` for one that was never shown, is gone, or for too few."""
        wanted = list(dict.fromkeys(one.strip() for one in ids))
        unknown = [one for one in wanted if one not in self._seen]
        if unknown:
            raise Rephrase(f"There is no conclusion with the id {', '.join(unknown)}. Name ids as they were shown.")
        gone = [one for one in wanted if one in self._removals]
        if gone:
            raise Rephrase(f"You have taken {', '.join(gone)} away. Name what still stands.")
        if len(wanted) < least:
            raise Rephrase(f"It must rest on at least {least} different conclusions.")
        return [self._seen[one] for one in wanted]

    def add(self, findings: Sequence[Finding]) -> int:
        """Keep the findings; gives how many were new. Raises `Refused` when there are too many by now."""
        with self._lock:
            fresh = {f"{one.level}:{content_hash(one.content)}": one for one in findings}
            if len(self._findings | fresh) > _MOST_FINDINGS:
                raise Refused("You have concluded enough. End now.")
            before = len(self._findings)
            self._findings = fresh | self._findings
            return len(self._findings) - before

    def remove(self, removals: Sequence[Removal]) -> None:
        with self._lock:
            if len(self._removals) + len(removals) > _MOST_REMOVALS:
                raise Refused("You have taken enough away. End now.")
            self._removals |= {one.conclusion: one for one in removals}

    def rewrite(self, lines: tuple[CardLine, ...]) -> None:
        """Keep the lines as the whole card."""
        self._lines = lines

    def repeats(self, content: str, level: Level) -> bool:
        """Whether something shown says exactly this on the same level."""
        wanted = content_hash(content)
        return any(one.level == level and content_hash(one.content) == wanted for one in self._seen.values())

    def notes(self) -> Notes:
        """All of it, as it is between two turns."""
        made = tuple(self._findings.values()), tuple(self._removals.values())
        return Notes(self.card, tuple(self._seen), *made, self._lines)

    @classmethod
    def laid_out(cls, backends: Backends, collection: Collection, notes: Notes, shown: Iterable[Conclusion]) -> Self:
        """The workbench that `notes` were taken of; `shown` are the conclusions they name."""
        bench = cls(backends, collection, notes.card)
        bench._seen = {one.id: one for one in shown}
        bench.add(notes.findings)
        bench.remove(notes.removals)
        bench._lines = notes.lines
        return bench

    def proposal(self) -> Proposal:
        is_changed = self._lines is not None and tuple(line.text for line in self._lines) != self.card.lines
        return Proposal(
            tuple(self._findings.values()),
            tuple(self._removals.values()),
            self._lines if is_changed else None,
            self.card.version,
        )
