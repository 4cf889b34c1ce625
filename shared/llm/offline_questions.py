"""Short answers, made whole with the question they answer: "Do you like the sea?" "Yes." """

import re
from dataclasses import dataclass

from shared.llm.offline_prompts import Said
from shared.llm.offline_sentences import sentences
from shared.llm.offline_words import Word, is_adverb, plainly, text_of, words_of

_YES = frozenset("yes yeah yep yup sure absolutely definitely indeed certainly".split())
_NO = frozenset("no nope nah never".split())
_SKILLS = frozenset("swim speak drive cook play ride read sing dance ski skate write".split())
_ASIDE = frozenset("ok okay thanks thank great good nice cool hmm fine well hello hi hey please maybe lol what".split())
_WHAT_IS_YOURS = re.compile(r"(?:what|who|which|where|when) (?:is|are) your ([\w' -]{2,60})\?$", re.IGNORECASE)
_ASKING = re.compile(r"(?:what|who|which|where|when|how|why)\b", re.IGNORECASE)
_MAX_WORDS = 8


@dataclass(frozen=True, slots=True)
class Answered:
    """A statement in the first person, or a quotation of question and answer when no statement can be made."""

    text: str
    question: str = ""

    @property
    def quoted(self) -> bool:
        return bool(self.question)

    def quoted_for(self, name: str) -> str:
        return f'{name}, asked "{self.question}", answered "{self.text}"'


def answered(asked: Said, reply: str) -> Answered | None:
    """What `reply`, the first sentence after `asked`, states; None when it answers nothing or speaks for itself."""
    question = next(iter(sentences(asked.text)[-1:]), "")
    if not question.endswith("?") or reply.endswith("?"):
        return None
    asking, words = plainly(question), words_of(plainly(reply))
    first = words[0].low if words else ""
    if first in _YES or (first in _NO and (len(words) < 2 or words[0].tail)):
        said = _yes_or_no(words_of(asking.rstrip("? ")), asked.peer, yes=first in _YES)
        return Answered(text_of(said)) if said else None
    if not _ASKING.match(asking) or not _is_fragment(words):
        return None
    fragment = text_of(words).strip(" .,!")
    known = _WHAT_IS_YOURS.match(asking)
    if known is not None:
        verb = "are" if asking.lower().split()[1] == "are" else "is"
        return Answered(f"My {known.group(1)} {verb} {fragment}")
    return Answered(fragment, question)


def _yes_or_no(question: list[Word], asker: str, *, yes: bool) -> list[Word]:
    """The statement that "yes" or "no" makes of a question put to "you"."""
    if len(question) < 3 or question[1].low != "you":
        return []
    verb, rest = question[0].low, _turned(question[2:], asker)
    if verb in {"can", "could"} and rest[0].low not in _SKILLS:
        return []
    lead = {"do": "", "are": "am", "were": "was", "did": "did", "have": "have", "can": "can", "could": "can"}.get(verb)
    if lead is None:
        return []
    while len(rest) > 1 and is_adverb(rest[0].low):
        rest = rest[1:]
    said = ["I", *([lead] if lead else []), *(["do"] if not yes and not lead else []), *([] if yes else ["not"])]
    return [*(Word("", word, "") for word in said), *rest]


def _turned(words: list[Word], asker: str) -> list[Word]:
    turns = {
        "your": "my",
        "yours": "mine",
        "you": "I",
        "yourself": "myself",
        "me": asker,
        "i": asker,
        "my": f"{asker}'s",
    }
    return [word.spelled(turns.get(word.low, word.core)) for word in words]


def _is_fragment(words: list[Word]) -> bool:
    if not 0 < len(words) <= _MAX_WORDS or words[0].low in _ASIDE:
        return False
    telling = frozenset("i my me we our is are am was were have has it he she they you".split())
    return not any(word.low in telling or word.low.endswith("ed") for word in words)
