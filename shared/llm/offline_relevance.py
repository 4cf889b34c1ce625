"""How well a known thing fits a question: shared words, words of one subject, and what kind of answer is asked for."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.llm.offline_english import ADVERBS, ANIMALS, AUXILIARIES, DETERMINERS, NEGATIVES, PEOPLE, PREPOSITIONS, stem
from shared.llm.offline_knowledge import Known
from shared.llm.provider import Embedder

# Words of one line are about one subject. The first few of a line reword a search that found nothing.
_SUBJECTS = """
food eat meal cuisine dish cook restaurant dinner lunch breakfast snack pizza pasta sushi cheese bread fruit vegetable chocolate cake meat fish egg spicy bake recipe peanut nut
allergic allergy intolerant dietary restriction diet eat food cook serve dinner avoid vegetarian vegan gluten lactose dairy peanut nut shellfish kosher halal
drink coffee tea wine beer juice water milk alcohol beverage cocktail
job work profession occupation career employed employer company business office colleague boss engineer nurse doctor teacher lawyer developer designer manager programmer scientist artist writer accountant chef driver startup bakery freelance retire hire promote salary founder
live home city house apartment flat town country reside residence address move relocate based neighbourhood neighborhood location located
origin born hometown native nationality grew raised originally birthplace from
music instrument play piano guitar cello violin drum flute trumpet harp organ bass viola clarinet ukulele saxophone band sing song concert musician choir orchestra jazz rock classical
hobby enjoy like love fun leisure interest interested passion pastime spare paint chess garden hike knit photography yoga dance read swim surf climb cycle
like love enjoy prefer favourite favorite adore fan preference taste
hate dislike loathe despise detest annoy stand
sport exercise run marathon swim football soccer tennis gym fitness yoga cycle bike hike ski climb basketball volleyball athletic train active
pet animal dog cat puppy kitten horse hamster rabbit parrot bird turtle breed
family sister brother sibling mother mom father dad parent wife husband child kid son daughter relative cousin aunt uncle grandmother grandfather twin
married wife husband spouse partner girlfriend boyfriend single dating engaged fiance divorced relationship marry
child kid son daughter baby twin children
friend buddy mate friends
study school university college degree graduate student education major course learn phd thesis class studied
language speak fluent english spanish french german portuguese italian japanese chinese korean russian arabic greek dutch bilingual
travel trip visit holiday vacation flight fly abroad journey tour destination
health ill sick disease condition medicine medication blood pressure diabetic diabetes asthma pain surgery hospital therapy injury broke allergic medical
age old birthday born year young
birthday born birth celebrate
name called named nickname
car drive vehicle bike motorbike ride truck commute transport train bus bicycle
movie film cinema watch series show actor director
book read author novel library literature
plan going intend upcoming future goal want hope ambition dream will next
sleep wake bed night morning routine schedule early late
money salary earn cost budget afford rent pay price
computer programming code coding python javascript software laptop app technology tech developer program
color colour blue red green yellow purple orange black white pink
afraid fear scared phobia frighten terrified
religion religious church catholic muslim jewish buddhist hindu christian faith pray
"""  # noqa: E501 - one line, one subject
_LINES = [line.split() for line in _SUBJECTS.strip().split("\n")]
_SUBJECT_OF: dict[str, frozenset[int]] = {}
for _number, _line in enumerate(_LINES):
    for _word in _line:
        _SUBJECT_OF[stem(_word)] = _SUBJECT_OF.get(stem(_word), frozenset()) | {_number}

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_FILLERS = (
    frozenset(
        """i you he she they we me him them us user peer person people someone anyone what which who whom whose when
        where why how tell please know knows think thing things kind sort give show find list describe explain summarize
        remember recall said say says mention mentioned ever now really get got many much often long old's and or but if
        so than then it is's be not also anything everything something information info detail details question answer
        there here currently today still last week month year time happen happened up does't as""".split()
    )
    | (AUXILIARIES - {"will"})
    | DETERMINERS
    | PREPOSITIONS
    | NEGATIVES
    | (ADVERBS - {"originally"})
)
# They say little about the subject; with better words beside them they do not decide.
_GENERIC = frozenset(
    stem(word) for word in "like love favourite favorite enjoy have go make take use want prefer good best name".split()
)
_IDIOMS = (
    (re.compile(r"\b(?:keep|bear|have) in mind\b|\b(?:be aware|think) of\b|\blook out for\b", re.IGNORECASE), ""),
    (re.compile(r"\bdo(?:es)? ((?:\w+ ){1,3})for (?:a living|work)\b", re.IGNORECASE), r"\1 job"),
    (re.compile(r"\bfor fun\b|\bfree time\b|\bspare time\b", re.IGNORECASE), "hobby"),
)
_PLACE = re.compile(r"\b(?:in|at|from|to|near|around) (?:the )?[A-Z]")
_WHEN = re.compile(r"\b(?:on|in|around|since|before|after) (?:the \w+ (?:of|before|after) )?\d{4}(?:-\d\d){0,2}\b")
_DATE = re.compile(r"\b\d{4}(?:-\d\d)?|\b(?:on|in) [A-Z][a-z]+\b")
_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twins|dozen)\b")
_JOB_WORDS = frozenset(stem(word) for word in "job work profession occupation career".split())
_JOB = re.compile(r"\b(?:is|am|was|as) an? (?:\w+ ){0,2}\w+(?: (?:at|in|for)\b|$)|\bworks? (?:as|at|for|in)\b")

# Cosines measured with `wordllama` on bare facts: unrelated ones stay below 0.15.
_NEAR = 0.2
_NEAR_ENOUGH = 0.8


@dataclass(frozen=True, slots=True)
class Question:
    """A question, as what it is about and what kind of thing answers it."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    asks: str

    @property
    def is_broad(self) -> bool:
        """Whether it asks for whatever is known."""
        return not self.stems


def understood(query: str, names: frozenset[str] = frozenset()) -> Question:
    """What `query` asks. `names`, in lower case, are those whom everything is about: they tell nothing apart."""
    for idiom, word in _IDIOMS:
        query = idiom.sub(word, query)
    words = [word for word in _words(query) if word.lower() not in _FILLERS]
    kept = [word for word in words if word.lower() not in names]
    asks = re.search(r"\b(where|when|who|how many|how much|how old)\b", query.lower())
    stems = dict.fromkeys(stem(word.lower()) for word in kept)
    if asks and asks.group() == "how old":
        stems["age"] = None
    return Question(tuple(kept), tuple(stems), asks.group() if asks else "")


def fitness(question: Question, known: Known) -> float:
    """How well `known` answers `question`; 0 when it does not."""
    have = {stem(word.lower()) for word in _words(known.text)}
    subjects = frozenset[int]().union(*(_SUBJECT_OF.get(word, frozenset[int]()) for word in have))
    decisive = [term for term in question.stems if term not in _GENERIC] or list(question.stems)
    if not any(_match(term, have, subjects, known) for term in decisive):
        return 0.0
    weights = {term: 0.5 if term in _GENERIC else 1.0 for term in question.stems}
    share = sum(weight * _match(term, have, subjects, known) for term, weight in weights.items())
    coverage = share / sum(weights.values())
    if coverage < 0.25:
        return 0.0
    weight = 0.6 if known.quoted else 0.9 if known.peer else 1.0
    if _is_of_another(question, known.text):
        weight /= 2
    return weight * (coverage + _kind(question.asks, known.text) + 0.15 / (1 + known.rank / 4))


def nearest_in_meaning(
    question: Question, known: Sequence[Known], meaning: Embedder, names: frozenset[str]
) -> list[Known]:
    """What of `known` is near to the question without sharing a word or a subject with it, the nearest first."""
    facts = [item for item in known if not item.quoted]
    if not facts or not question.words:
        return []
    asked, *vectors = meaning.embed([" ".join(question.words), *(_bare(item.text, names) for item in facts)])
    scores = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
    least = max(_NEAR, max(scores) * _NEAR_ENOUGH)
    order = sorted(range(len(facts)), key=lambda index: -scores[index])
    return [facts[index] for index in order[:3] if scores[index] >= least]


def subjects(known: Sequence[Known]) -> frozenset[str]:
    """The name that most of the known facts begin with, in lower case."""
    first = Counter(next(iter(_words(item.text)), "").lower() for item in known if not item.quoted)
    return frozenset(word for word, _ in first.most_common(1))


def reworded(question: Question) -> str:
    """Other words for the same question, to search once more; empty when there are none."""
    subjects = frozenset[int]().union(*(_SUBJECT_OF.get(term, frozenset[int]()) for term in question.stems))
    words = [word for number in sorted(subjects) for word in _LINES[number][:6]]
    asked = {word.lower() for word in question.words}
    return " ".join(dict.fromkeys(word for word in words if word not in asked))


def same_subject(one: str, other: str) -> bool:
    """Whether two facts both say where somebody lives, so that the newer one replaces the older."""
    return all(re.search(r"\b(?:lives|lived|living|moved|moving|resides|relocated|based) (?:to|in|at|near) ", text)
               for text in (one, other))  # fmt: skip


def _is_of_another(question: Question, text: str) -> bool:
    """Whether a fact is about a relative or a pet that the question does not mention."""
    owned = re.match(r"\S+['’]s (\w+)", text)
    if owned is None or owned.group(1).lower() not in PEOPLE | ANIMALS:
        return False
    kin = stem(owned.group(1).lower())
    about = _SUBJECT_OF.get(kin, frozenset[int]())
    return not any(term == kin or about & _SUBJECT_OF.get(term, frozenset[int]()) for term in question.stems)


def _match(term: str, have: set[str], subjects: frozenset[int], known: Known) -> float:
    if term in have:
        return 1.0
    about = _SUBJECT_OF.get(term, frozenset[int]())
    if about & subjects:
        return 0.55
    # There are more trades than any list has, but few ways to name one's own.
    return 0.5 if term in _JOB_WORDS and _JOB.search(known.text) else 0.0


def _kind(asks: str, text: str) -> float:
    match asks:
        case "where":
            return 0.25 if _PLACE.search(text) else 0.0
        case "when":
            return 0.2 if _DATE.search(text) else 0.0
        case "how many" | "how much" | "how old":
            return 0.15 if _NUMBER.search(text) else 0.0
        case _:
            return 0.0


def _bare(text: str, names: frozenset[str]) -> str:
    """`text` without its dates and the names everything is about, which would make all facts look alike."""
    undated = _WHEN.sub("", text)
    return " ".join(word for word in undated.split() if re.sub(r"['’]s$", "", word.lower()) not in names)


def _words(text: str) -> list[str]:
    found: list[str] = _WORD.findall(text)
    return [re.sub(r"['’]s$", "", word) for word in found]
