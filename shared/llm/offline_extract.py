"""What messages tell about their author, as facts that stand alone: the offline model's extraction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.llm.offline_clauses import clauses
from shared.llm.offline_dates import absolute
from shared.llm.offline_entities import Entities
from shared.llm.offline_language import is_foreign, is_foreign_chatter, is_foreign_request
from shared.llm.offline_prompts import Said
from shared.llm.offline_questions import answered
from shared.llm.offline_quoted import is_reported, own_words
from shared.llm.offline_rewrite import FIRST_PERSON, Speaker, in_third_person
from shared.llm.offline_sentences import sentences
from shared.llm.offline_talk import (
    is_question,
    is_request,
    is_small_talk,
    statement_before_question,
    with_subject,
    without_chatter,
)
from shared.llm.offline_words import Word, plainly, text_of, words_of

MAX_FACT = 400

_HEDGE = re.compile(r"(?:maybe|perhaps|probably|possibly)\b,?\s+(?=(?:i|my|we|our)\b)", re.IGNORECASE)
_FRONTED_TIME = re.compile(
    r"((?:on|in|around|since|by|until) (?:the \w+ (?:of|before|after) )?\d{4}(?:-\d\d){0,2}),?\s+(?=(?:i|my|we|our)\b)",
    re.IGNORECASE,
)
# "Today is my birthday" is about the birthday.
_DAY_OF_MINE = re.compile(r"^(on \d{4}-\d\d-\d\d) (is|was) (my\b[^,;]*?)(?=[.!]*$)", re.IGNORECASE)
_DATE = re.compile(r"(?<![\w-])\d{4}-\d\d(?:-\d\d)?(?![\w-])")
_POINTING = frozenset("he she they his her their that this these those".split())
_DANGLING = frozenset("it that this them so too do does did not those these there is has was be one".split())
_EDGES = " \t.,;:!?…-–—*_/\\|~^"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a message says about its author. `message` is the number of the message.

    `quote` is the sentence it was read from, `date` when it happened, where the fact names one date.
    """

    content: str
    message: int
    quote: str = field(default="", compare=False)
    date: str | None = field(default=None, compare=False)


@dataclass(slots=True)
class Extractor:
    """Reads the messages of one peer in order, and remembers whom they have spoken of."""

    speaker: Speaker
    _entities: Entities = field(default_factory=Entities)

    def facts_in(self, text: str, said_on: date | None, asked: Said | None = None) -> list[str]:
        """The facts of one message in order. `asked` is the message of somebody else just before it."""
        return list(self.quoted_facts_in(text, said_on, asked))

    def quoted_facts_in(self, text: str, said_on: date | None, asked: Said | None = None) -> dict[str, str]:
        """As `facts_in`, each with the sentence it was first read from."""
        found = sentences(own_words(text))
        facts: dict[str, str] = {}
        if asked is not None and found and (answer := answered(asked, found[0])) is not None:
            told = [answer.quoted_for(self.speaker.name)] if answer.quoted else self._stated(answer.text, said_on)
            facts |= dict.fromkeys(told, found[0])
        for sentence in found:
            self._entities.next_sentence()
            for fact in self._facts_of(sentence, said_on):
                facts.setdefault(fact, sentence)
        return facts

    def _facts_of(self, sentence: str, said_on: date | None) -> list[str]:
        if is_reported(sentence):
            return []
        if is_foreign(sentence):
            lost = is_question(sentence) or is_foreign_chatter(sentence) or is_foreign_request(sentence)
            return [] if lost else [_capped(f'{self.speaker.name} said: "{sentence.strip(" .。")}"')]
        text = without_chatter(plainly(sentence))
        if is_question(text):
            text = statement_before_question(text) or ""
        return self._stated(text, said_on)

    def _stated(self, text: str, said_on: date | None) -> list[str]:
        words = words_of(text)
        if not text or is_small_talk(text) or is_request(words) or _only_introduces(text):
            return []
        text = text_of(with_subject(words))
        text = _HEDGE.sub(lambda found: f"I think {found.group().lower()}", text)
        if said_on is not None:
            text = absolute(text, said_on)
        text = _DAY_OF_MINE.sub(r"\3 \2 \1", text)
        fronted = _FRONTED_TIME.match(text)
        parts = clauses(words_of(text[fronted.end() :] if fronted else text))
        if fronted:
            when = fronted.group(1)
            parts[0] = [*_open_ended(parts[0]), *words_of(when[:1].lower() + when[1:])]
        facts: list[str] = []
        for part in parts:
            fact = self._fact_of(part)
            if fact is not None:
                self._append(facts, fact)
        return facts

    def _append(self, facts: list[str], fact: str) -> None:
        """Add `fact`, joined to the one before where a pronoun in it stands for something there."""
        subject = f"{self.speaker.name} "
        about = fact.removeprefix(subject)
        leans = any(word.strip(_EDGES) in {"it", "them", "him"} for word in about.split())
        if facts and leans and about != fact and facts[-1].startswith(subject):
            facts[-1] = _capped(f"{facts[-1]} and {about}")
        elif len(fact.split()) > 5 or fact.split()[-1].lower().strip(_EDGES) not in _DANGLING:
            facts.append(fact)

    def _fact_of(self, part: list[Word]) -> str | None:
        part = words_of(without_chatter(text_of(part)))
        if is_small_talk(text_of(part)) or is_request(part) or is_question(text_of(part)):
            return None
        part = words_of(text_of(self._entities.resolved(part)))
        self._entities.note(part)
        if not self._concerns_speaker(part):
            return None
        return self._finished(in_third_person(part, self.speaker))

    def _concerns_speaker(self, part: list[Word]) -> bool:
        if not part:
            return False
        first = part[0].low
        # "She is my sister" says nothing to who does not know whom "she" is.
        if first in _POINTING or (first in {"it", "its"} and len(part) < 6):
            return False
        # Who tells of themselves by name repeats what the memory says of them.
        return any(word.low in FIRST_PERSON and word.core != "US" for word in part)

    def _finished(self, content: str) -> str | None:
        name = self.speaker.name
        content = content.strip(_EDGES).removesuffix(" and").removesuffix(" but").strip(_EDGES)
        content += "." if content.endswith((" a.m", " p.m", " etc", " U.S", " U.K")) else ""
        if len(content.split()) < 2 or content.lower() == f"{name} is {name}".lower():
            return None
        age = re.fullmatch(rf"({re.escape(name)} (?:is|was)) (\d{{1,3}})", content)
        return _capped(f"{content} years old" if age else content)


def extract(messages: Sequence[Said], target: str) -> list[Fact]:
    """The facts that `target`'s own messages state, in order; what others say is only context."""
    others = {said.peer for said in messages if said.peer != target}
    extractor = Extractor(Speaker(target, others.pop() if len(others) == 1 else None))
    facts: list[Fact] = []
    before: Said | None = None
    for said in messages:
        if said.peer == target:
            said_on = said.at.date() if said.at else None
            asked = before if before is not None and before.peer != target else None
            found = extractor.quoted_facts_in(said.text, said_on, asked)
            facts.extend(Fact(content, said.number, quote, _only_date(content)) for content, quote in found.items())
        before = said
    return facts


def _only_introduces(text: str) -> bool:
    """Whether it announces what follows, or what the reader shall do: "What I know:", "New rule: save that …"."""
    _, colon, asked = text.partition(": ")
    return text.endswith(":") or (bool(colon) and is_request(words_of(without_chatter(asked))))


def _only_date(content: str) -> str | None:
    dates: list[str] = _DATE.findall(content)
    return dates[0] if len(dates) == 1 else None


def _open_ended(words: list[Word]) -> list[Word]:
    """`words` without the mark that closes them."""
    last = words[-1]
    return [*words[:-1], Word(last.lead, last.core, last.tail.rstrip(".!,;…"))]


def _capped(content: str) -> str:
    if len(content) <= MAX_FACT:
        return content
    return content[:MAX_FACT].rpartition(" ")[0].rstrip(_EDGES) + "…"
