"""What becomes of a card, line by line, and the card before and after, told from that alone."""

from collections.abc import Iterable, Sequence

from shared.domain.card import Card, CardLine
from shared.domain.dream import Change


def changes_of(before: Card, wanted: Sequence[CardLine]) -> list[Change]:
    """Each line that was on the card or is on it now, with its places; none of them where all is as it was.

    A card that is the first of its collection is a change of its own.
    """
    made = [] if before.version else [Change("card_made")]
    now_at = {line.text: place for place, line in enumerate(wanted)}
    was_at: dict[str, int] = {}
    removed: list[Change] = []
    for place, text in enumerate(before.lines):
        # A client may have written a line twice.
        if text in now_at and text not in was_at:
            was_at[text] = place
        else:
            removed.append(Change("line_removed", line=text, was_at=place))
    added = [
        Change("line_added", line=line.text, source_ids=line.source_ids, is_at=place)
        for place, line in enumerate(wanted)
        if line.text not in was_at
    ]
    order = [line.text for line in wanted if line.text in was_at]
    stayed = [
        Change("line_kept" if text == other else "line_moved", line=text, was_at=was_at[text], is_at=now_at[text])
        for text, other in zip(was_at, order, strict=True)
    ]
    is_same = not removed and not added and all(one.action == "line_kept" for one in stayed)
    return made if is_same else [*made, *removed, *added, *stayed]


def lines_before(changes: Iterable[Change]) -> list[str]:
    """The card's lines before these changes of one dream, as far as they are still known."""
    return _in_order((change.was_at, change.line) for change in changes)


def lines_after(changes: Iterable[Change]) -> list[str]:
    """The card's lines as these changes of one dream have left it, as far as they are still known."""
    return _in_order((change.is_at, change.line) for change in changes)


def _in_order(placed: Iterable[tuple[int | None, str | None]]) -> list[str]:
    return [line for _, line in sorted((at, line) for at, line in placed if at is not None and line is not None)]
