"""Reading conclusions as the offline model's specialists do: what each says about which matter."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.domain.conclusion import normal_form
from shared.llm.types import ToolTurn, Turn, UserTurn

_LINE = re.compile(r"\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)\] (?P<text>.+) \(id: (?P<id>[\w-]+)\)", re.DOTALL)
_HEADING = re.compile(r"## (Explicit|Deductive|Inductive|Contradictions)")
# At the margin, where no user's text stands.
_SUBJECT = re.compile(r"^The memory is (?:what the peer \S+ knows )?about the peer (\S+?)\.(?:\s|$)", re.MULTILINE)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ENDS = r"(?= (?:since|from|on|in \d|for|and|but|because|with|now|last|this|as of)\b|[.,;!(]|$)"

# What can be one thing at a time, and how it is said.
_MATTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "home",
        re.compile(
            rf"(?:now |currently )?(?:lives|is living|resides|(?:has )?(?:just )?(?:moved|relocated))(?: \w+)? (?:in|to) (?P<value>.+?){_ENDS}"  # noqa: E501
        ),
    ),
    ("work", re.compile(rf"(?:now |currently )?(?:works|is working|started working) (?:at|for) (?P<value>.+?){_ENDS}")),
    ("job", re.compile(rf"(?:now |currently )?(?:works|is working|started working) as (?P<value>.+?){_ENDS}")),
    ("age", re.compile(r"is (?:now )?(?P<value>\d{1,3}) years old")),
    ("status", re.compile(r"is (?:now |currently )?(?P<value>single|married|divorced|engaged|widowed)\b")),
    ("diet", re.compile(r"is (?:now |currently )?(?:a )?(?P<value>vegan|vegetarian|pescatarian)\b")),
)
_FAVOURITE = re.compile(rf"'s (?:new )?favou?rite (?P<topic>[\w ]+?) is (?:now )?(?P<value>.+?){_ENDS}")
_LIKES = re.compile(rf"(?:really )?(?:likes|loves|enjoys|adores) (?P<value>.+?){_ENDS}")
_DISLIKES = re.compile(
    rf"(?:(?:does not|doesn't|no longer) (?:like|likes|enjoy|enjoys|love|loves)|(?:really )?(?:hates|dislikes|loathes|can't stand|cannot stand))"  # noqa: E501
    rf" (?P<value>.+?){_ENDS}"
)
_TURN = re.compile(r"\b(?:no longer|any ?more|not .* now|now|instead|stopped|used to)\b")


@dataclass(frozen=True, slots=True)
class Belief:
    """One conclusion as a prompt or a tool shows it."""

    id: str
    at: str
    level: str
    text: str

    @property
    def is_explicit(self) -> bool:
        return self.level == "explicit"

    @property
    def is_turn(self) -> bool:
        """Whether it says itself that something has changed."""
        return _TURN.search(self.text) is not None

    def is_about_time_before(self, other: "Belief") -> bool:
        """Whether the years it names lie before the other was said: then it tells of the past."""
        years: list[str] = _YEAR.findall(self.text)
        return bool(years) and max(years) < other.at[:4]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a belief says about a matter that can be one way at a time. `stance` is for what is liked or not."""

    matter: str
    value: str
    stance: str = ""

    def spelled_in(self, text: str) -> str:
        """The value as `text` spells it: claims are compared without regard to case."""
        at = text.casefold().find(self.value)
        return text[at : at + len(self.value)] if at >= 0 else self.value


def subject_of(turns: Sequence[Turn]) -> str:
    """Whom the conclusions are about."""
    for turn in turns:
        if isinstance(turn, UserTurn) and (found := _SUBJECT.search(turn.text)):
            return found[1]
    return ""


def beliefs_from(turns: Sequence[Turn]) -> list[Belief]:
    """Every conclusion that was shown, each once, the oldest first."""
    found: dict[str, Belief] = {}
    for turn in turns:
        if isinstance(turn, UserTurn | ToolTurn):
            found |= {belief.id: belief for belief in _read(turn.text)}
    return sorted(found.values(), key=lambda belief: (belief.at, belief.id))


def _read(text: str) -> Iterator[Belief]:
    level = "explicit"
    # A further line of one conclusion is indented.
    for line in re.sub(r"\n  ", " ", text).split("\n"):
        if heading := _HEADING.fullmatch(line.strip()):
            level = heading[1].lower().rstrip("s")
        elif found := _LINE.fullmatch(line.strip()):
            yield Belief(found["id"], found["at"], level, found["text"])


def claim_of(belief: Belief, subject: str) -> Claim | None:
    """The matter a belief about `subject` settles, if it does."""
    if not belief.text.startswith(subject):
        return None
    said = belief.text[len(subject) :].rstrip(". ")
    if favourite := _FAVOURITE.match(said):
        return Claim(f"favourite {favourite['topic']}", _value(favourite["value"]))
    for matter, form in _MATTERS:
        if found := form.match(said.lstrip()):
            return Claim(matter, _value(found["value"]))
    if found := _DISLIKES.match(said.lstrip()):
        return Claim(f"liking {_value(found['value'])}", "no", "liking")
    if found := _LIKES.match(said.lstrip()):
        return Claim(f"liking {_value(found['value'])}", "yes", "liking")
    return None


def _value(text: str) -> str:
    return re.sub(r"^(?:a|an|the) ", "", normal_form(text))
