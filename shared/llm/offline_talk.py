"""What in a message is no statement about its author: greetings, small talk, questions, requests."""

import re

from shared.llm.offline_english import (
    DETERMINERS,
    PAST_TWINS,
    STATES,
    SUBJECTLESS,
    VERBS,
    base_of,
    is_past,
)
from shared.llm.offline_words import Word, skip_adverbs

_NOT_A_NAME = r"(?!I\b|My\b|We\b|It\b|This\b|That\b|The\b|Our\b|Just\b)"
_LEADS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:hi+|hello|hey+|hiya|howdy|greetings|good (?:morning|afternoon|evening|day|night))\b"
        rf"(?:\s+(?:there|all|again|everyone|everybody|team|folks|guys|(?-i:{_NOT_A_NAME}[A-Z][\w-]*)))*[\s,!.:;–—-]*",
        r"(?:thanks|thank you|thx|sorry|apologies|congrats|congratulations|good to know|great question|good question|"
        r"nice to meet you|pleased to meet you|no problem|you are welcome|sounds (?:good|great|fun))\b"
        r"[^,.!;:–—]*[,.!;:–—-]+\s*",
        r"(?:yes|yeah|yep|yup|no|nope|nah|ok|okay|right|sure|great|cool|nice|awesome|perfect|true|exactly|absolutely|"
        r"definitely|indeed|of course|well|still|then|hmm+|um+|uh+|ah+|wow|wait|correction|update|edit|fun fact|"
        r"interesting|first of all|first|second|secondly|finally|however|besides|by the way|also|same here|me too|"
        r"good|lovely|amazing|ps|p\.s|note|fyi|for the record|not really|not yet|in fact|to be fair|not much|"
        r"nothing much|not a lot|(?:that|which) reminds me|speaking of which|guess what|(?:good|bad|big|great) news|"
        r"long story short)\s*[,.!:;–—-]+\s*",
        r"(?:so|and|but|also|plus|or|actually|honestly|frankly|anyways?|oh|btw|by the way|tbh|to be honest|fyi|yeah|"
        r"yes|haha+|lol|basically|luckily|unfortunately|fortunately|sadly|well|as you know|you know|you see|in fact|"
        r"for the record|just so you know|besides|as i said|like i said|as i mentioned|i mean|because|ok so|okay so)"
        r"\b[\s,:–—-]*(?=\S)",
        r"(?:please )?(?:remember|note|keep in mind|do not forget|bear in mind|know|be aware)\b(?:,| that)?\s+"
        r"(?=(?:i|my|we|our)\b)",
        r"(?:the thing is|the truth is|fun fact|what matters is|i (?:just )?(?:want|wanted|would like|have) to "
        r"(?:say|add|mention|tell you|let you know)|let me tell you|i (?:must|should) (?:say|add|mention)|"
        r"i can tell you)"
        r"\b(?:[,:]| that)?\s+(?=(?:i|my|we|our)\b)",
    )
)
_TRAILS = re.compile(
    r"(?:[\s,;–—-]+(?:thanks(?: a lot| so much)?|thank you(?: so much| very much)?|thx|lol|haha+|you know|right|though|"
    r"please|by the way|btw|actually|anyway|xd|:\)|:-\)|;\)|:d|as well|i guess so|if that helps|fyi))+[\s.!]*$",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"""(?:
    i\s(?:(?:do\s|can\s|completely\s|totally\s|fully\s)?(?:see|agree|understand|get\sit|mean\sit|guess(?:\sso)?|think\sso|
      hope\sso|know)|do\snot\s(?:know|think\sso|mind|care|understand)|
      (?:do\snot\sknow|am\snot\ssure)\s(?:what|if|whether|why)\b(?!\s(?:i|my|we)\b).*|see\swhat\syou\b.*|know\swhat\syou\b.*|
      hope\s(?:you|this|that|everything|all)\b.*|appreciate\s(?:it|that|your|the|you)\b.*|
      (?:am|was|would\sbe)\s(?:so\s|very\s|really\s|always\s)?(?:sorry|glad\sto|happy\sto\s(?:help|hear|assist)|here|pleased\sto\smeet)\b.*|
      am\s(?:so\s|very\s|doing\s|all\s|just\s|not\s|pretty\s)*(?:fine|good|great|ok|okay|well|back|ready|listening|sure|curious|done|
        kidding|joking|afraid\sso|all\sears|in|out|on\sit)|
      have\s(?:a|another|one\smore|some|no)\s(?:quick\s|other\s)?(?:questions?|request|idea|ideas|clue)\b.*|
      (?:was|am|were)\s(?:just\s)?wondering\b.*|wonder\b.*|
      (?:would\s(?:really\s)?(?:like|love)|want|wanted|need)\s(?:you|to\s(?:ask|know|hear|see\swhat|understand))\b.*|
      (?:ask|order|command|instruct|request|beg|urge|expect|require|authorize)\s(?:that\s)?you\b.*|
      would\s(?:appreciate|be\s(?:grateful|happy|glad))\b.*|look\sforward\b.*|am\slooking\sforward\sto\s(?:hearing|it|your|seeing\syou)\b.*|
      (?:will|can|could|am\sgoing\sto)\s(?:just\s)?(?:let\syou\sknow|get\sback|be\sright\sback|be\sback|do\s(?:that|it|so)|try\s(?:that|it)|
        check|think\sabout\s(?:it|that)|see|help\b.*|talk\sto\syou|take\sit|pass)\b.*|
      can\s(?:not\s)?(?:help|assist)\s(?:you|with\sthat)\b.*|love\s(?:it|that|this)|like\s(?:it|that|this)|got\sit|bet|
      have\sto\s(?:go|run|leave)(?:\snow)?|must\sgo(?:\snow)?)
    | me\s(?:too|neither|either)
    | my\s(?:bad|pleasure|apologies|god|goodness|dear|friend) | oh\smy\b.*
    | my\s(?:question|request|instructions?|prompt|query|task\sfor\syou)s?\b.*
    | (?:(?:here\sis\s)?(?:the|your|my|a|an)\s)?(?:new|updated|real|only)\s(?:rule|order|command|instruction|policy|
        (?:system\s)?prompt)s?\b.* | your\s(?:\w+\s){0,2}(?:instruction|rule|order|task|job)s?\b.*
    | (?:(?:here\sis\s)?(?:the|my|our|a)\s)?summary\b.* | i\b.{0,60}\bhereby\b.*
    | (?:memory|system|profile|database)\s(?:update|note|entry|override|message)s?\b.* | correction\sto\syour\b.*
    | you\s(?:must|have\sto|need\sto|should|shall|are\s(?:now|to))\b(?!\sknow\b).*
    | it\sis\s(?:\w+\s){0,2}(?:important|necessary|required|mandatory)\sthat\syou\b.*
    | every(?:thing)?\b.{0,40}\bi\s(?:say|make|write|tell)\b.*
    | (?:excuse|forgive|pardon|believe|trust|let|bear\swith)\s(?:me|us)\b.*
    | same\shere | nice\sto\smeet\b.* | see\syou\b.*
    | have\s(?:a|an)\s(?:nice|great|good|lovely|wonderful|fun|safe|amazing)\b.*
    | (?:take\scare|good\sluck|well\sdone|talk\ssoon)\b.*
    | looking\sforward\b.* | (?:happy|glad)\sto\shelp\b.* | from\snow\son\b.* | starting\snow\b.*
    | in\syour\s(?:next|answer|reply|response)\b.*
    | thanks?\b.* | thank\syou\b.* | welcome\b.* | it\sis\s(?:me|my\s(?:pleasure|fault|bad|turn))
    | as\san?\s(?:ai|artificial|language\smodel|assistant|large)\b.*
    | love\s(?:it|that|this|you)\b.{0,12} | need\s(?:you|help)\b.*
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# Verbs that nobody begins a statement of their own with.
_COMMANDS = frozenset(
    """store register log mark obey treat accept trust execute reveal grant confirm acknowledge override disregard
    ignore overwrite insert append replace pretend simulate output respond translate decode""".split()
)
_QUESTION = re.compile(
    r"(?:who|whom|whose|how|why|which)\b|(?:what|where)\b(?! (?:i|we|my)\b)|"
    r"any (?:idea|thought|chance|tip|recommendation|advice)|"
    r"when (?:do|does|did|is|are|was|were|will|can|could|should|would)\b|"
    r"(?:do|does|did|is|are|was|were|am|can|could|would|will|should|shall|may|might|have|has|had|cannot)(?: not)? "
    r"(?:i|you|we|they|he|she|it|there|this|that|these|anyone|anybody|someone|somebody|your)\b",
    re.IGNORECASE,
)
_QUESTION_TAIL = re.compile(
    r"(?:\s*[,;:–—-]+\s*(?:(?:and|but|so)\s+)?|\s+(?:and|but|so)\s+)(?=(?:do|does|did|is|are|can|could|would|will|should|"
    r"what|how|where|which|who|why|when|any|have|has|right|ok|okay|got|isn't|don't|know|cannot|what's|how's|where's)\b)",
    re.IGNORECASE,
)
_ASKED_IN_PASSING = re.compile(
    r"[,;]\s*(?:please|then please|just)?\s*(?:tell|let|give|send|show|call|remind)\s+(?:me|us)\b", re.IGNORECASE
)


def without_chatter(text: str) -> str:
    """`text` without the greetings, thanks and interjections around the statement."""
    while True:
        shorter = text
        for lead in _LEADS:
            found = lead.match(shorter)
            # "Also" and the like stand before something; alone they are small talk, dropped elsewhere.
            shorter = shorter[found.end() :] if found else shorter
        if shorter == text:
            return _TRAILS.sub("", text)
        text = shorter


def statement_before_question(text: str) -> str | None:
    """The statement that leads up to a question: "I am allergic to nuts, what can I eat?", else None."""
    for cut in _QUESTION_TAIL.finditer(text):
        before = text[: cut.start()].strip()
        if before and not is_question(before) and re.match(r"(?:i|my|we|our)\b", before, re.IGNORECASE):
            return before
    return None


def is_question(text: str) -> bool:
    """Whether `text` asks, with or without a question mark."""
    return text.rstrip("\"'”’)!. ").endswith(("?", "\uff1f", "\u061f")) or _QUESTION.match(text) is not None


def is_small_talk(text: str) -> bool:
    """Whether `text`, plainly spelled, only keeps the conversation going."""
    return _SMALL_TALK.fullmatch(text.strip(" .,!;:…–—-")) is not None


def is_request(words: list[Word]) -> bool:
    """Whether the sentence tells the reader to do something."""
    if not words:
        return False
    first = words[skip_adverbs(words, 0)].low if skip_adverbs(words, 0) < len(words) else words[0].low
    if words[0].low in {"please", "kindly"} or first in {"let", "let's", "please"}:
        return True
    if words[0].low in {"if", "when"} and _ASKED_IN_PASSING.search(" ".join(word.core + word.tail for word in words)):
        return True
    if first == "do" and len(words) > 1:
        return words[1].low != "not" or not _is_without_subject(words[2:])
    return first in VERBS | _COMMANDS and not _is_noun_here(words) and not _is_without_subject(words)


def with_subject(words: list[Word]) -> list[Word]:
    """`words` with the "I" that chat leaves out: "Moved to Porto", "Allergic to nuts", "Learning Greek"."""
    at = skip_adverbs(words, 0)
    if at >= len(words) or len(words) < 2:
        return words
    low, subject = words[at].low, [Word("", "I", "")]
    lowered = [words[0].spelled(words[0].core[:1].lower() + words[0].core[1:]), *words[1:]]
    if low in {"was", "am", "will", "cannot", "have", "had"} or (low == "do" and words[at + 1].low == "not"):
        return [*subject, *lowered]
    if low in {"been", "lived", "worked"} and words[0].low in {"been", "never", "already", "just"}:
        return [*subject, Word("", "have", ""), *lowered]
    if low in {"born", "raised"}:
        return [*subject, Word("", "was", ""), *lowered]
    if _has_finite(words[at + 1 :]):
        return words
    if low in STATES or (words[0].low == "not" and words[1].low in {"a", "an", "into"}):
        return [*subject, Word("", "am", ""), *lowered]
    if low.endswith("ing") and base_of(low) in VERBS:
        return [*subject, Word("", "am", ""), *lowered]
    if _is_without_subject(words) or (is_past(low) and not words[at].core.isupper()):
        return [*subject, *lowered]
    return words


def _is_without_subject(words: list[Word]) -> bool:
    at = skip_adverbs(words, 0)
    if at >= len(words):
        return False
    low = words[at].low
    told = low in PAST_TWINS and any(word.low == "my" or word.core[:4].isdigit() for word in words)
    return told or (low in SUBJECTLESS | {"have"} and not (at + 1 < len(words) and words[at + 1].low in {"me", "you"}))


def _is_noun_here(words: list[Word]) -> bool:
    """Whether a sentence that begins with a verb's form goes on as if it were a noun: "Work makes me happy"."""
    return _has_finite(words[1:4]) and not (len(words) > 1 and words[1].low in DETERMINERS | {"me", "that", "what"})


def _has_finite(words: list[Word]) -> bool:
    finite = frozenset("is are was were has had can could will would makes made does did helps keeps gives".split())
    return any(word.low in finite for word in words[:5])
