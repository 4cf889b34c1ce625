"""A summary made of what was said, within a number of words: the offline model's extractive summary."""

import re
from collections import Counter
from collections.abc import Sequence

from shared.domain.conclusion import normal_form
from shared.llm.offline_english import stem
from shared.llm.offline_extract import Extractor
from shared.llm.offline_prompts import Said, block, spoken_lines, word_limit
from shared.llm.offline_rewrite import Speaker
from shared.llm.offline_sentences import sentences

_DEFAULT_WORDS = 200
_TAG = re.compile(r"^<(\w+)[^>\n]*>$", re.MULTILINE)
_CONVERSATIONS = frozenset({"messages", "conversation", "transcript", "new_messages"})
_WORD = re.compile(r"[^\W_]{3,}")
# Read as "none yet" by the next summary, so that it gives way to the first thing that is worth telling.
_NOTHING = "Nothing of note was said."
_NONE_YET = re.compile(r"^\W*(?:none|there is no|no (?:previous|earlier|prior)|nothing)\b.{0,60}$", re.IGNORECASE)


def wants_summary(prompt: str) -> bool:
    return re.search(r"\bsummar(?:y|i[sz]e)", prompt, re.IGNORECASE) is not None


def summary_of(prompt: str, max_output_tokens: int) -> str:
    """The summary before, shortened if need be, and what the messages add to it, in the order it was said."""
    limit = min(word_limit(prompt) or _DEFAULT_WORDS, max(1, max_output_tokens * 3 // 4))
    before = sentences(" ".join(_previous(prompt)))
    added = [line for line in _statements(_messages(prompt)) if line not in before]
    if not before:
        # An empty answer is a failure to whoever asks, and small talk is none.
        return " ".join(_chosen(added or [_NOTHING], limit))
    # What was there keeps at most half of the room, unless the rest does not need its own.
    needed = sum(len(line.split()) for line in added)
    kept = _chosen(before, max(limit // 2, limit - needed))
    return " ".join([*kept, *_chosen(added, limit - sum(len(line.split()) for line in kept))])


def _previous(prompt: str) -> list[str]:
    tags: list[str] = _TAG.findall(prompt)
    lines = [line for tag in dict.fromkeys(tags) if "summary" in tag.lower() for line in block(prompt, tag)]
    return [] if _NONE_YET.match(" ".join(lines).strip()) else lines


def _messages(prompt: str) -> list[Said]:
    tags: list[str] = _TAG.findall(prompt)
    named = [tag for tag in dict.fromkeys(tags) if tag.lower() in _CONVERSATIONS]
    return spoken_lines(block(prompt, named[-1]) if named else prompt.split("\n"))


def _statements(messages: Sequence[Said]) -> list[str]:
    """What each message says, told in the third person where it can be, each thing once."""
    peers = dict.fromkeys(said.peer for said in messages)
    readers = {peer: Extractor(Speaker(peer, _other(peer, list(peers)))) for peer in peers}
    found: dict[str, str] = {}
    for said in messages:
        told = readers[said.peer].facts_in(said.text, said.at.date() if said.at else None) or _quoted(said)
        for text in told:
            found.setdefault(normal_form(text), text.rstrip(". ") + ".")
    return list(found.values())


def _other(peer: str, peers: list[str]) -> str | None:
    return next(other for other in peers if other != peer) if len(peers) == 2 else None


def _quoted(said: Said) -> list[str]:
    longest = max(sentences(said.text), key=len, default="")
    if len(longest.split()) < 4:
        return []
    verb = "asked" if longest.endswith("?") else "said"
    return [f'{said.peer} {verb}: "{longest}"']


def _chosen(lines: Sequence[str], limit: int) -> list[str]:
    """The most telling of `lines` that have at most `limit` words together, in their own order."""
    spread = Counter(word for line in lines for word in _stems(line))
    best = sorted(range(len(lines)), key=lambda index: (-_weight(lines[index], spread), index))
    room, kept = limit, list[int]()
    for index in best:
        words = len(lines[index].split())
        if words <= room:
            room -= words
            kept.append(index)
    if not kept and best and limit > 0:
        return [" ".join(lines[best[0]].split()[:limit])]
    return [lines[index] for index in sorted(kept)]


def _weight(line: str, spread: Counter[str]) -> float:
    stems = _stems(line)
    shared = sum(min(spread[word], 4) for word in stems) / (len(stems) or 1)
    # A fact tells more than a quotation, a statement more than a question.
    told = 0.3 if " asked: " in line else 0.6 if " said: " in line else 2.0
    return told * (1 + shared)


def _stems(line: str) -> set[str]:
    words: list[str] = _WORD.findall(line)
    return {stem(word.lower()) for word in words}
