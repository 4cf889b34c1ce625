"""Concluding: new facts saved, known ones reinforced, vectors made once for all observers."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion, ConclusionDraft, content_hash
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable, NotFound
from shared.domain.ids import is_scope, new_id
from shared.domain.vector import ConclusionVector, Vector
from shared.memory import meaning
from shared.memory.metering import INDEX, metered
from shared.memory.note import UNNOTED, Note
from shared.memory.planning import rhythm
from shared.memory.restating import MOST_APART, earliest, is_restated, joined, merged, says_less, without_restatements
from shared.memory.timer import arm
from shared.store import calls, conclusions, dream_schedule, lineage, peers, scopes, sessions
from shared.store.conclusions import Mention, NewConclusion
from shared.store.database import Connection
from shared.telemetry.logs import logger

# The index may still hold vectors of what was replaced or deleted: the nearest ones are looked through.
_MOST_TWINS = 3


@dataclass(frozen=True, slots=True)
class Reinforcing:
    """What is known already, mentioned once more; `anew` is written instead where that is gone by then."""

    mention: Mention
    anew: NewConclusion


@dataclass(frozen=True, slots=True)
class Saving:
    """What one finishing transaction writes for all `observers` of a window.

    `heard_in` is the session that was listened to; None for what was thought over, or comes from nowhere.
    """

    workspace: str
    new: tuple[NewConclusion, ...]
    reinforced: tuple[Reinforcing, ...]
    replaced: tuple[str, ...]
    vectors: dict[str, Vector]
    heard_in: str | None = None
    observers: tuple[str, ...] = ()

    def write(self, backends: Backends, conn: Connection) -> list[Conclusion]:
        """Inside the transaction: no model, index or queue is called here."""
        now = backends.clock.now()
        known = conclusions.reinforce(conn, self.workspace, [one.mention for one in self.reinforced])
        # Hidden since it was found to say the same: what was said after that must not be lost with it.
        again = [one.anew for one in self.reinforced if one.mention.id not in known]
        new = self._founded(conn, self._heard(conn, [*self.new, *again]))
        conclusions.hide(conn, self.workspace, self.replaced, now)
        saved = conclusions.save(conn, self.workspace, new, now)
        lineage.hand_over(conn, self.workspace, _heirs(new, saved))
        # A richer wording takes the place of what was counted when it was new.
        note_fresh(backends, conn, saved, {one.id for one in new if one.replaces is None})
        if backends.settings.deriver.log_observations and saved:
            # The one exception to the rule that logs hold no texts, for operators who asked for it by name.
            logger.info("conclusions_saved", workspace=self.workspace, texts=[one.content for one in saved])
        return saved

    def _founded(self, conn: Connection, new: Sequence[NewConclusion]) -> Sequence[NewConclusion]:
        """Those whose premises are all still there: one may have been erased while somebody thought about it."""
        sources = {source for one in new for source in one.source_ids}
        if not sources:
            return new
        held = conclusions.hold(conn, self.workspace, sorted(sources))
        return [one for one in new if held.issuperset(one.source_ids)]

    def _heard(self, conn: Connection, new: Sequence[NewConclusion]) -> Sequence[NewConclusion]:
        """What is new for whoever hears the session now: scopes may have got or lost it since its messages came."""
        if self.heard_in is None or not new:
            return new
        listening = scopes.listening(conn, self.workspace, self.heard_in)
        kept = [one for one in new if one.observer in listening or not is_scope(one.observer)]
        late = sorted(listening.difference(self.observers))
        own = [one for one in new if one.observer == one.observed]
        return [*kept, *(replace(one, id=new_id(), observer=scope) for scope in late for one in own)]


def _heirs(new: Sequence[NewConclusion], saved: Sequence[Conclusion]) -> dict[str, str]:
    """What took the place of each that was replaced: it may have been there before, under an id of its own."""
    stored = {(one.observer, one.observed, content_hash(one.content)): one.id for one in saved}
    heirs = {one.replaces: stored.get((one.observer, one.observed, one.content_hash)) for one in new}
    return {old: heir for old, heir in heirs.items() if old is not None and heir is not None}


def note_fresh(backends: Backends, conn: Connection, saved: Sequence[Conclusion], made: Set[str]) -> None:
    """Count the explicit conclusions that are new, those of `made` ids: enough of them are thought over in a dream."""
    fresh = [c.collection for c in saved if c.level == "explicit" and c.id in made]
    dream_schedule.note_saved(conn, dream_schedule.counted(fresh), rhythm(backends.settings), now=backends.clock.now())


def prepare(
    backends: Backends, workspace: str, observed: str, observers: Sequence[str], drafts: Sequence[ConclusionDraft]
) -> Saving:
    """Everything a save needs that takes time: vectors and the nearest known conclusions, for every observer."""
    distinct = merged(drafts)
    if not distinct:
        return Saving(workspace, (), (), (), {})
    texts = [draft.content for draft in distinct.values()]
    vectors = dict(zip(distinct, meaning.embed(backends, workspace, texts), strict=True))
    if backends.settings.deriver.deduplicate:
        distinct = without_restatements(distinct, vectors)
    new: list[NewConclusion] = []
    reinforced: list[Reinforcing] = []
    replaced: set[str] = set()
    for observer in observers:
        known = known_alike(backends, Collection(workspace, observer, observed), distinct, vectors)
        for key, draft in distinct.items():
            twin = known.get(key)
            if twin is None or twin.id in replaced:
                new.append(_new(draft, observer, observed))
            elif says_less(draft.content, twin.content):
                mention = Mention(twin.id, draft.message_ids, draft.times, draft.occurred_at)
                reinforced.append(Reinforcing(mention, _new(draft, observer, observed)))
            else:
                replaced.add(twin.id)
                new.append(_successor(draft, twin))
    by_text = {draft.content: vectors[key] for key, draft in distinct.items()}
    first = next(iter(distinct.values()))
    return Saving(
        workspace,
        tuple(new),
        tuple(reinforced),
        tuple(sorted(replaced)),
        by_text,
        heard_in=first.session if first.level == "explicit" else None,
        observers=tuple(observers),
    )


def index(
    backends: Backends, saved: Sequence[Conclusion], vectors: dict[str, Vector], replaced: Sequence[str] = ()
) -> None:
    """Hand the vectors of saved conclusions to the index, and take those of `replaced` ones out.

    What fails stays pending for `tick`.
    """
    records = [
        ConclusionVector(c.workspace, c.id, c.observer, c.observed, c.session, c.level, vectors[c.content], c.content)
        for c in saved
        if c.content in vectors
    ]
    if not records:
        return
    try:
        place(backends, records)
        if replaced:
            backends.vectors.delete_conclusions(records[0].workspace, replaced)
    except (IndexUnavailable, DatabaseUnavailable) as error:
        # They are saved: whoever asked for that must not be told to try again.
        logger.warning("conclusions_not_indexed", count=len(records), error=str(error))
    except Exception:
        # Even a mistake of ours: tick finds them by the mark that is missing.
        logger.exception("index_broke_off", count=len(records))


def place(backends: Backends, records: Sequence[ConclusionVector]) -> None:
    """Hand `records`, some of one workspace, to the index. Raises `IndexUnavailable`."""
    workspace, ids = records[0].workspace, [record.id for record in records]
    backends.vectors.upsert_conclusions(records)
    with backends.db.reading() as conn:
        live = conclusions.mark_indexed(conn, workspace, ids, backends.clock.now())
    # Deleted meanwhile, perhaps with its session: whoever did that could not see these vectors yet.
    backends.vectors.delete_conclusions(workspace, [one for one in ids if one not in live])


@dataclass(frozen=True, slots=True)
class GivenConclusion:
    """A conclusion that a client states."""

    observer: str
    observed: str
    session: str | None
    content: str


def create_conclusions(
    backends: Backends,
    workspace: str,
    given: Sequence[GivenConclusion],
    *,
    note: Note[list[Conclusion]] = UNNOTED,
) -> list[Conclusion]:
    """Save what a client concludes, as explicit conclusions in the order given; duplicates are kept.

    All or nothing. Raises `NotFound` for a peer or session that does not exist, `ModelUnavailable` or
    `BudgetExhausted` when the texts cannot be embedded.
    """
    with metered(backends, workspace, embedding=INDEX) as own:
        return _created(own, workspace, given, note)


def _created(
    backends: Backends, workspace: str, given: Sequence[GivenConclusion], note: Note[list[Conclusion]]
) -> list[Conclusion]:
    texts = list(dict.fromkeys(item.content for item in given))
    vectors = dict(zip(texts, meaning.embed(backends, workspace, texts), strict=True))
    now = backends.clock.now()
    new = [
        _new(
            ConclusionDraft(item.content, "explicit", item.session, (), now),
            item.observer,
            item.observed,
            is_derived=False,
        )
        for item in given
    ]
    ids = [item.id for item in new]

    def work(conn: Connection) -> list[Conclusion]:
        _check_exist(conn, workspace, given)
        stored = conclusions.save(conn, workspace, new, now)
        note_fresh(backends, conn, stored, set(ids))
        saved = {c.id: c for c in stored}
        ordered = [saved[conclusion_id] for conclusion_id in ids]
        calls.note(conn, workspace, made)
        note(conn, ordered)
        return ordered

    def happened(conn: Connection) -> bool:
        return len(conclusions.by_ids(conn, workspace, ids)) == len(ids)

    with backends.tab.riding() as made:
        saved = backends.db.run(work, happened=happened)
    index(backends, saved, vectors)
    arm(backends)
    return saved


def delete_conclusion(backends: Backends, workspace: str, conclusion_id: str) -> None:
    """Hide a conclusion; what was derived from it stays. Raises `NotFound`."""

    def happened(conn: Connection) -> bool:
        return conclusions.get(conn, workspace, conclusion_id) is None

    now = backends.clock.now()
    if not backends.db.run(lambda conn: conclusions.delete(conn, workspace, conclusion_id, now), happened=happened):
        raise NotFound(f"conclusion {conclusion_id} not found")
    arm(backends)


def _check_exist(conn: Connection, workspace: str, given: Iterable[GivenConclusion]) -> None:
    named = {name for item in given for name in (item.observer, item.observed)}
    missing = sorted(named - peers.existing(conn, workspace, sorted(named)))
    if missing:
        raise NotFound(f"peer {missing[0]} not found")
    for session in sorted({item.session for item in given if item.session is not None}):
        if not sessions.hold_active(conn, workspace, session):
            raise NotFound(f"session {session} not found")


def known_alike(
    backends: Backends, collection: Collection, drafts: dict[str, ConclusionDraft], vectors: dict[str, Vector]
) -> dict[str, Conclusion]:
    """For each draft what was concluded before and says the same in other words, if there is anything.

    What a client has stated is its own: it rests on no message, and must not come to go with one.
    """
    if not backends.settings.deriver.deduplicate:
        return {}
    first = next(iter(drafts.values()))
    nearest = backends.vectors.nearest_conclusions(
        collection,
        [vectors[key] for key in drafts],
        k=_MOST_TWINS,
        max_distance=MOST_APART,
        levels=(first.level,),
        sessions=None if first.session is None else (first.session,),
    )
    found = sorted({hit.id for hits in nearest for hit in hits})
    if not found:
        return {}
    with backends.db.reading() as conn:
        rows = conclusions.derived(conn, collection.workspace, found)
    live = zip(drafts, ([rows[hit.id] for hit in hits if hit.id in rows] for hits in nearest), strict=True)
    return {key: twins[0] for key, twins in live if twins and is_restated(drafts[key].content, twins[0].content)}


def _successor(draft: ConclusionDraft, twin: Conclusion) -> NewConclusion:
    """The richer wording takes over what its predecessor had: how often it was derived, from what and when."""
    fresh = set(draft.message_ids).difference(twin.message_ids)
    again = min(draft.times, len(fresh)) if draft.message_ids else 1
    return replace(
        _new(draft, twin.observer, twin.observed),
        message_ids=joined(twin.message_ids, draft.message_ids),
        times_derived=twin.times_derived + again,
        occurred_at=max(twin.occurred_at, draft.occurred_at),
        event_at=earliest(twin.event_at, draft.event_at),
        replaces=twin.id,
    )


def _new(draft: ConclusionDraft, observer: str, observed: str, *, is_derived: bool = True) -> NewConclusion:
    return NewConclusion(
        id=new_id(),
        observer=observer,
        observed=observed,
        session=draft.session,
        level=draft.level,
        content=draft.content,
        content_hash=content_hash(draft.content),
        is_derived=is_derived,
        message_ids=draft.message_ids,
        source_ids=draft.source_ids,
        premises=draft.premises,
        occurred_at=draft.occurred_at,
        times_derived=draft.times,
        event_at=draft.event_at,
        quotes=draft.quotes,
        quote_state=draft.quote_state,
    )
