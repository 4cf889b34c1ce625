"""Consolidating: what a dream proposes is checked against what still holds, and written as one change."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.card_changes import changes_of
from shared.domain.conclusion import Collection, Conclusion, ConclusionDraft, content_hash
from shared.domain.dream import Change, Dream, Finding, Former, Proposal, Removal, sources_needed
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable
from shared.domain.ids import new_id
from shared.domain.vector import Vector
from shared.memory import conclude, meaning
from shared.store import cards, conclusions, dream_changes, lineage
from shared.store.conclusions import NewConclusion
from shared.store.database import Connection
from shared.telemetry.logs import logger

# As many messages as a conclusion remembers.
_MOST_MESSAGES = 100
_UNFOUNDED = "what it rested on is gone"


@dataclass(frozen=True, slots=True)
class Consolidated:
    """What was written: new conclusions, and the ids of those that are gone."""

    saved: tuple[Conclusion, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consolidation:
    """A proposal whose texts have vectors, to be written in one transaction."""

    collection: Collection
    proposal: Proposal
    vectors: dict[str, Vector]

    def write(self, backends: Backends, conn: Connection, dream: Dream) -> Consolidated:
        """Inside the transaction, behind its fence. What lost its sources since it was proposed is left out."""
        now, workspace = backends.clock.now(), self.collection.workspace
        held = lineage.hold(conn, self.collection, sorted(self._named()))
        removals = {one.conclusion: one for one in self.proposal.removals if _holds(one, held)}
        # A client's deletion takes nothing else away by itself; the next dream looks what rested on it.
        lost = lineage.lost(conn, self.collection) if dream.phase == "deduction" else []
        above, trimmed = _fallen(conn, self.collection, [*removals, *lost])
        gone = sorted({*removals, *above})
        conclusions.hide(conn, workspace, gone, now)
        # Only now, as it may have been proposed on what falls with the rest, or has fewer messages behind it.
        standing = lineage.hold(conn, self.collection, sorted(held))
        told = {key: one for key, one in held.items() if key not in above}
        made = {new: one for one in self.proposal.findings if (new := _made(one, standing, told)) is not None}
        known = lineage.equals(conn, self.collection, [(new.level, new.content_hash) for new in made])
        saved = conclusions.save(conn, workspace, list(made), now)
        changes = [
            *_saved_changes(made, known, saved),
            *(_removed(one) for one in removals.values()),
            *(Change("deleted", one, reason=_UNFOUNDED) for one in above),
            *trimmed,
            *self._written_card(backends, conn, standing),
        ]
        dream_changes.note(conn, dream, changes, now=now)
        return Consolidated(tuple(saved), tuple(gone))

    def _named(self) -> Iterable[str]:
        for finding in self.proposal.findings:
            yield from (*finding.source_ids, *finding.outdated)
        for removal in self.proposal.removals:
            yield removal.conclusion
            if removal.successor is not None:
                yield removal.successor
        for line in self.proposal.card or ():
            yield from line.source_ids

    def _written_card(self, backends: Backends, conn: Connection, standing: Container[str]) -> list[Change]:
        if self.proposal.card is None:
            return []
        before = cards.read(conn, self.collection)
        # As when a fact is forgotten later: a line goes with the first of what it rests on. One that names nothing was
        # on the card, and stays only as long as it is.
        wanted = [
            line
            for line in self.proposal.card
            if line.text in before.lines or (line.source_ids and all(one in standing for one in line.source_ids))
        ]
        lines = [line.text for line in wanted]
        if lines == list(before.lines):
            return []
        version = self.proposal.card_version
        if not cards.put_over(conn, self.collection, lines, version=version, now=backends.clock.now()):
            # Somebody wrote it meanwhile, and knew better than who read it before that.
            logger.warning("card_left_alone", version=version)
            return []
        return changes_of(before, wanted)


def prepare(backends: Backends, collection: Collection, proposal: Proposal) -> Consolidation:
    """Everything that takes time: vectors, and which findings only put into other words what is concluded already."""
    by_hash = {content_hash(one.content): one for one in proposal.findings}
    if not by_hash:
        return Consolidation(collection, proposal, {})
    texts = [one.content for one in by_hash.values()]
    vectors = dict(zip(by_hash, meaning.embed(backends, collection.workspace, texts), strict=True))
    going = {one.conclusion for one in proposal.removals}
    fresh: list[Finding] = []
    for level in dict.fromkeys(one.level for one in by_hash.values()):
        drafts = {key: _draft(backends, one) for key, one in by_hash.items() if one.level == level}
        known = conclude.known_alike(backends, collection, drafts, vectors)
        fresh += [by_hash[key] for key in drafts if key not in known or known[key].id in going]
    return Consolidation(
        collection,
        Proposal(tuple(fresh), proposal.removals, proposal.card, proposal.card_version),
        {one.content: vectors[content_hash(one.content)] for one in fresh},
    )


def index(backends: Backends, workspace: str, written: Consolidated, vectors: dict[str, Vector]) -> None:
    """Bring the vectors in line with what was written. What fails is made good by tick, or by who reads."""
    conclude.index(backends, written.saved, vectors)
    try:
        backends.vectors.delete_conclusions(workspace, written.gone)
    except (IndexUnavailable, DatabaseUnavailable) as error:
        logger.warning("vectors_left_behind", count=len(written.gone), error=type(error).__name__)


def _draft(backends: Backends, finding: Finding) -> ConclusionDraft:
    return ConclusionDraft(finding.content, finding.level, None, (), backends.clock.now())


def _holds(removal: Removal, held: dict[str, Conclusion]) -> bool:
    """Whether the removal is still called for. What was stated goes only when something newer took its place."""
    outdated = held.get(removal.conclusion)
    if outdated is None:
        return False
    if removal.successor is None:
        return outdated.level != "explicit"
    return removal.successor in held


def _made(finding: Finding, standing: dict[str, Conclusion], told: dict[str, Conclusion]) -> NewConclusion | None:
    """The finding as a conclusion; None when something that it rests on is no more."""
    sources = [standing[source] for source in dict.fromkeys(finding.source_ids) if source in standing]
    if len(sources) < sources_needed(finding.level):
        return None
    if any(one not in told for one in finding.outdated):
        # It would tell of what is forgotten.
        return None
    return _new(finding, sources, [told[one] for one in finding.outdated])


def _new(finding: Finding, sources: Sequence[Conclusion], outdated: Sequence[Conclusion]) -> NewConclusion:
    """The finding with all that its sources, at least one, hand down to it.

    What is outdated is a source, but no premise: shown with the finding, it would pass for something that holds.
    """
    messages = dict.fromkeys(message_id for source in (*sources, *outdated) for message_id in source.message_ids)
    return NewConclusion(
        id=new_id(),
        observer=sources[0].observer,
        observed=sources[0].observed,
        # Its sources may come from several.
        session=None,
        level=finding.level,
        content=finding.content,
        content_hash=content_hash(finding.content),
        is_derived=True,
        message_ids=tuple(messages)[:_MOST_MESSAGES],
        source_ids=tuple(source.id for source in (*sources, *outdated)),
        premises=tuple(source.content for source in sources),
        occurred_at=max(source.occurred_at for source in sources),
    )


def _fallen(conn: Connection, collection: Collection, fallen: Sequence[str]) -> tuple[list[str], list[Change]]:
    """What must go because it rests on what goes. A pattern that still has enough sources stays with these: it is
    changed here."""
    gone: set[str] = set(fallen)
    level: list[str] = sorted(fallen)
    above: dict[str, None] = {}
    kept: dict[str, list[str]] = {}
    while level:
        found = [one for one in lineage.resting_on(conn, collection, level) if one.id not in gone]
        level = []
        for one in found:
            left = [source for source in one.source_ids if source not in gone]
            if one.level == "inductive" and len(left) >= sources_needed(one.level):
                kept[one.id] = left
            else:
                kept.pop(one.id, None)
                gone.add(one.id)
                above[one.id] = None
                level.append(one.id)
    # Held before it is noted what they were: an erasure that comes later finds that, one that came before is seen.
    before = lineage.hold(conn, collection, sorted(kept))
    lineage.keep_sources(conn, collection.workspace, kept)
    return list(above), [_trimmed(one, kept[one.id]) for one in before.values()]


def _trimmed(before: Conclusion, kept: Sequence[str]) -> Change:
    away = tuple(source for source in before.source_ids if source not in kept)
    return Change("trimmed", before.id, reason=_UNFOUNDED, source_ids=away, former=Former.of(before))


def _saved_changes(
    made: Mapping[NewConclusion, Finding], known: Mapping[str, Conclusion], saved: Sequence[Conclusion]
) -> list[Change]:
    """What was new, and what was there and is the stronger for having been found once more."""
    stored = {one.id: one for one in saved}
    changes: list[Change] = []
    for new, finding in made.items():
        if new.id in stored:
            changes.append(Change("added", new.id, reason=finding.reason, source_ids=new.source_ids))
            continue
        before = known[new.content_hash]
        if Former.of(stored[before.id]) != (former := Former.of(before)):
            changes.append(
                Change("reinforced", before.id, reason=finding.reason, source_ids=new.source_ids, former=former)
            )
    return changes


def _removed(removal: Removal) -> Change:
    action = "deleted" if removal.successor is None else "superseded"
    return Change(action, removal.conclusion, removal.successor, reason=removal.reason)
