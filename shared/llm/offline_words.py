"""A sentence as words with their punctuation, in one plain spelling, for the offline model's rules."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.llm.offline_english import ADVERBS, NEGATIVES, VERBS, is_participle

_QUOTED = r"\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»"
_TOKEN = re.compile(rf"(?:{_QUOTED})[^\s\w]*|\S+")
_PARTS = re.compile(r"^([(\[{'‘*]*)(.*?)([)\]}'’*.,;:!?…]*)$", re.DOTALL)
_SPANS = re.compile(f"({_QUOTED})")

# In order: later ones see what earlier ones wrote.
_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (r" & ", " and "),
        (r"\b(?:im|i m)\b(?=\s)", "I'm"),
        (r"\bive\b", "I've"),
        (r"\b(do|does|did|is|are|was|were|have|has|had|could|would|should)nt\b", r"\1n't"),
        (r"\bcant\b", "can't"),
        (r"\b(i|we|you|they|he|she) wont\b", r"\1 will not"),
        (r"\bcan't\b", "cannot"),
        (r"\bwon't\b", "will not"),
        (r"\bshan't\b", "shall not"),
        (r"\bi ain't\b", "I am not"),
        (r"\bain't\b", "is not"),
        (r"(\w)n't\b", r"\1 not"),
        (r"\b(i)'m\b", "I am"),
        (r"\b(\w+)'re\b", r"\1 are"),
        (r"\b(\w+)'ve\b", r"\1 have"),
        (r"\b(\w+)'ll\b", r"\1 will"),
        (r"\b(he|she|it|that|there|here|who|what|where)'s\b(?= (?:been|got|had)\b)", r"\1 has"),
        (r"\b(he|she|it|that|there|here|who|what|where)'s\b", r"\1 is"),
        (r"\bgonna\b", "going to"),
        (r"\bwanna\b", "want to"),
        (r"\b(?:have )?(?:gotta|got to)\b(?= \w)", "have to"),
        (r"\b(have|has) got\b(?= (?:a|an|the|to|my|two|three|four|five|some|no|many|lots)\b)", r"\1"),
        (r"\b(cuz|cos|coz)\b", "because"),
        (r"\b(kind|sort) of (?=\w+(?:e|n|d|t|s)\b)", ""),
        (r"\bi\b(?!\.\w)", "I"),
    )
)
_HAD_OR_WOULD = re.compile(r"\b(\w+)'d\b((?: \w+){0,3})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its punctuation, and the punctuation on either side."""

    lead: str
    core: str
    tail: str

    @property
    def low(self) -> str:
        return self.core.lower()

    @property
    def quoted(self) -> bool:
        return self.core[:1] in {'"', "“", "«"}

    def spelled(self, core: str) -> "Word":
        return replace(self, core=core)


def words_of(text: str) -> list[Word]:
    """The words of `text`; what stands in quotation marks is one word, so that no rule touches it."""
    return [_word(token) for token in _TOKEN.findall(text)]


def text_of(words: Iterable[Word]) -> str:
    return " ".join(word.lead + word.core + word.tail for word in words)


def plainly(text: str) -> str:
    """`text` with contractions and chat spellings written out: "I'm gonna" is "I am going to"."""
    return "".join(part if index % 2 else _spelled_out(part) for index, part in enumerate(_SPANS.split(text)))


def skip_adverbs(words: Sequence[Word], start: int) -> int:
    """The index of the first word from `start` on that is no adverb."""
    index = start
    while index < len(words) and is_adverb(words[index].low):
        index += 1
    return index


def is_adverb(word: str) -> bool:
    return word in ADVERBS or word in NEGATIVES or (word.endswith("ly") and len(word) > 4 and word not in VERBS)


def _word(token: str) -> Word:
    if token[0] in '"“«':
        end = max(token.rfind(mark) for mark in '"”»') + 1
        return Word("", token[:end] if end > 1 else token, token[end:] if end > 1 else "")
    parts = _PARTS.match(token)
    if parts is None or not parts.group(2):
        return Word("", token, "")
    return Word(parts.group(1), parts.group(2), parts.group(3))


def _spelled_out(text: str) -> str:
    text = text.replace("’", "'").replace("‘", "'").replace("`", "'")
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
    return _HAD_OR_WOULD.sub(_had_or_would, text)


def _had_or_would(found: re.Match[str]) -> str:
    subject, following = found.group(1), found.group(2)
    verb = next((word for word in following.split() if not is_adverb(word.lower())), "").lower()
    had = verb in {"better", "been"} or (is_participle(verb) and verb not in VERBS)
    return f"{'I' if subject == 'i' else subject} {'had' if had else 'would'}{following}"
