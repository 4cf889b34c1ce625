"""Making new messages findable: vectors for their meaning, documents for their words."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from shared.backends import Backends
from shared.domain.errors import BudgetExhausted, ModelRefused, Unavailable
from shared.domain.message import Message
from shared.domain.vector import MessageVector, Vector
from shared.domain.work import Claim, WakeUp
from shared.llm import tokens
from shared.memory import meaning
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.work import perform
from shared.store import message_index, messages, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry.logs import logger
from shared.vectors import spaces

# What one invocation embeds and indexes well within its time, even at 5 ms a vector.
_WINDOW_TOKENS = 16_000
# Pieces in memory at once: a list of 1536 numbers takes 50 KB.
_BATCH = 200


def index_messages(backends: Backends, wake_up: WakeUp) -> None:
    """Index the oldest messages waiting in the unit that `wake_up` points to. Twice does no harm."""
    perform(backends, wake_up.unit, _index, window_tokens=_WINDOW_TOKENS)


def _index(backends: Backends, claimed: Claim) -> None:
    try:
        model = _index_meaning(backends, claimed)
    except (Unavailable, ModelRefused, BudgetExhausted):
        # Words need no model: they are found while the vectors wait for theirs.
        backends.db.run(lambda conn: _index_words(conn, claimed))
        raise

    with backends.tab.riding() as made:
        outcome = Outcome(model, 0, 0, 0, made)

        def finish(conn: Connection) -> list[WakeUp]:
            _index_words(conn, claimed)
            return work.finish(conn, claimed, outcome, gate=derive_gate(backends.settings), now=backends.clock.now())

        wake_ups = backends.db.run(finish)
    send(backends, wake_ups)


def _index_words(conn: Connection, claimed: Claim) -> None:
    work.fence(conn, claimed)
    first, last = _places(claimed)
    message_index.index(conn, claimed.unit.workspace, claimed.unit.session, first, last)


def _index_meaning(backends: Backends, claimed: Claim) -> str:
    """Embed the window's messages and hand their vectors to the index; gives the model's name, '' for none."""
    if not backends.settings.app.embed_messages:
        return ""
    with backends.db.reading() as conn:
        said = messages.in_range(conn, claimed.unit.workspace, claimed.unit.session, *_places(claimed))
    # Asked before an attempt is paid for again: an index that is away says so, and one of two may have them all.
    known = _known(backends, said) if claimed.attempts > 1 else {}
    bring(backends, said, known)
    return meaning.embedder(backends, claimed.unit.workspace).space.model


def _known(backends: Backends, said: Sequence[Message]) -> dict[tuple[str, int], Vector]:
    stored = backends.vectors.stored_messages(said[0].workspace, [message.id for message in said]) if said else []
    return {(one.message_id, one.piece): one.vector for one in stored}


def bring(backends: Backends, said: Sequence[Message], known: Mapping[tuple[str, int], Vector]) -> None:
    """Hand the vectors of messages of one workspace to the index; pieces that are not `known` are embedded."""
    if not said:
        return
    workspace = said[0].workspace
    pieces = pieces_of(said, meaning.most_tokens(backends, workspace))
    while batch := list(islice(pieces, _BATCH)):
        new = [(message.id, number, text) for message, number, text in batch if (message.id, number) not in known]
        embedded = meaning.embed(backends, workspace, [text for _, _, text in new]) if new else []
        vectors = {**known, **{(one, number): vector for (one, number, _), vector in zip(new, embedded, strict=True)}}
        backends.vectors.upsert_messages(
            [
                MessageVector(
                    message.workspace,
                    message.id,
                    number,
                    message.session,
                    message.peer,
                    vectors[message.id, number],
                    text,
                )
                for message, number, text in batch
            ]
        )
        _drop_gone(backends, workspace, {message.id for message, _, _ in batch})


def _drop_gone(backends: Backends, workspace: str, ids: set[str]) -> None:
    """Erased while they were embedded, by somebody who could not see these vectors yet."""
    with backends.db.reading() as conn:
        left = messages.existing(conn, workspace, sorted(ids))
    backends.vectors.delete_messages(workspace, sorted(ids - left))


def _places(claimed: Claim) -> tuple[int, int]:
    """The places of the window's messages: an item stands for all of its batch."""
    return claimed.items[0].first_seq, claimed.last_seq


def pieces_of(said: Sequence[Message], max_tokens: int) -> Iterator[tuple[Message, int, str]]:
    """The pieces of each message that say anything, with their numbers."""
    for message in said:
        for number, text in enumerate(split(message.content, max_tokens)):
            if text.strip():
                yield message, number, text


def split(text: str, max_tokens: int) -> Iterator[str]:
    """`text` in pieces of at most `max_tokens`, each starting four fifths of that after the one before.

    The last piece ends with the text; none lies wholly inside another.
    """
    step = max(1, max_tokens * 4 // 5)
    while text:
        piece = tokens.cut(text, max_tokens)
        yield piece
        if len(piece) == len(text):
            return
        # A single character may take more tokens than a tiny step.
        text = text[max(1, len(tokens.cut(text, step))) :]


def tend_vectors(backends: Backends) -> int:
    """Build the graphs that grown tables of vectors have come to need; gives how many. For `tick`."""
    with backends.db.transaction() as conn:
        built = spaces.build_graphs(conn)
    if built:
        logger.info("vector_graphs_built", count=built)
    return built
