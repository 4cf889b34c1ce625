"""What a specialist of a dream has before it when it begins."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, takewhile

from shared.backends import Backends
from shared.domain.card import Card
from shared.domain.clock import stamp
from shared.domain.conclusion import Collection, Conclusion
from shared.domain.configuration import Configuration
from shared.domain.dream import Dream, Specialist
from shared.memory.metering import querying
from shared.reasoning.instructions import told
from shared.reasoning.loop import Progress
from shared.reasoning.prompts import fenced, render
from shared.reasoning.surprisal import surprising
from shared.reasoning.tools.lines import conclusion_lines
from shared.reasoning.tools.workbench import Workbench
from shared.store import cards, conclusions

# What is laid out before a specialist may take half of what it may read; the rest is for what it looks up.
_SHARE = 0.5
_LETTERS_PER_TOKEN = 4
# Time and id of a conclusion's line.
_LINE_LETTERS = 60
_MOST_NEWEST, _MOST_REPEATED = 100, 40
_LOOKED_AROUND, _NEAR_EACH = 30, 6


def opened(
    backends: Backends, dream: Dream, specialist: Specialist, in_force: Configuration
) -> tuple[Workbench, Progress]:
    """What a specialist begins with; the question is empty where there is nothing to look at."""
    backends = querying(backends)
    bench = _bench(backends, dream, specialist)
    # A card is of what lasts, and not of what stands out.
    strange = bench.showing([] if specialist == "card" else surprising(backends, dream.collection))
    laid_out = bench.showing(_laid_out(backends, dream.collection, strange))
    # Whoever keeps the card is told what holds for the whole dream, and what for the card.
    for_card = in_force.card_instructions if specialist == "card" else None
    instructions = told(backends.settings, in_force.dream_instructions, for_card)
    is_empty = not (laid_out or strange)
    question = "" if is_empty else _material(backends, dream, bench.card, instructions, strange, laid_out)
    return bench, Progress(question)


def _bench(backends: Backends, dream: Dream, specialist: Specialist) -> Workbench:
    if specialist != "card":
        return Workbench(backends, dream.collection)
    with backends.db.reading() as conn:
        card = cards.read(conn, dream.collection)
    # Made anew, it must not lean on what it said: but it is still that version which is replaced.
    return Workbench(backends, dream.collection, replace(card, lines=()) if dream.is_rebuild else card)


def _laid_out(backends: Backends, collection: Collection, strange: Sequence[Conclusion]) -> list[Conclusion]:
    """What a specialist begins with beside what is strange: as much as there is room for.

    The newest conclusions and those derived most often; with enough that is strange only what lies near to that.
    """
    is_replaced = len(strange) >= backends.settings.dream.surprisal.min_high_surprisal_for_replace
    found = _near(backends, collection, strange) if is_replaced else _newest_and_repeated(backends, collection)
    known = {one.id for one in strange}
    return list(_fitting(backends, (one for one in found if one.id not in known)))


def _newest_and_repeated(backends: Backends, collection: Collection) -> list[Conclusion]:
    with backends.db.reading() as conn:
        newest = conclusions.newest(conn, collection, most=_MOST_NEWEST)
        repeated = conclusions.most_derived(conn, collection, most=_MOST_REPEATED)
    first = newest[:_LOOKED_AROUND]
    # Of a large collection the newest are not all: what they change or contradict may be years older.
    near = _near(backends, collection, first) if len(newest) == _MOST_NEWEST else []
    return list({one.id: one for one in [*first, *near, *newest, *repeated]}.values())


def _near(backends: Backends, collection: Collection, found: Sequence[Conclusion]) -> list[Conclusion]:
    vectors = backends.vectors.conclusion_vectors(collection.workspace, [one.id for one in found])
    nearest = backends.vectors.nearest_conclusions(collection, list(vectors.values()), k=_NEAR_EACH)
    ids = list(dict.fromkeys(hit.id for hits in nearest for hit in hits))
    with backends.db.reading() as conn:
        rows = conclusions.by_ids(conn, collection.workspace, ids)
    return [rows[one] for one in ids if one in rows]


def _fitting(backends: Backends, found: Iterable[Conclusion]) -> Iterator[Conclusion]:
    most = backends.settings.llm.max_message_content_chars
    room = backends.settings.dream.history_token_limit * _SHARE * _LETTERS_PER_TOKEN
    each = list(found)
    ends = accumulate(min(len(one.content), most) + _LINE_LETTERS for one in each)
    return (one for one, _ in takewhile(lambda pair: pair[1] <= room, zip(each, ends, strict=True)))


def _material(
    backends: Backends,
    dream: Dream,
    card: Card,
    instructions: str,
    strange: Sequence[Conclusion],
    laid_out: Sequence[Conclusion],
) -> str:
    observer, observed = dream.collection.observer, dream.collection.observed
    perspective = (
        render("dream_own", observed=observed)
        if observer == observed
        else render("dream_other", observer=observer, observed=observed)
    )
    limit = backends.settings.llm.max_message_content_chars
    listed = [fenced("conclusions", conclusion_lines(some, max_chars=limit)) for some in (strange, laid_out)]
    return render(
        "dream_material",
        perspective=perspective,
        now=stamp(backends.clock.now()),
        custom_instructions=instructions,
        card=fenced("peer_card", "\n".join(card.lines), of=observed) if card.lines else "",
        surprising=render("dream_surprising", conclusions=listed[0]) if strange else "",
        conclusions=listed[1] if laid_out else "",
    )
