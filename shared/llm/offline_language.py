"""Telling English from what the offline model's rules do not know."""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENGLISH = frozenset(
    """the is are was were i my and to of have has do does not with for it that this at on you we they he she but from
    i'm i've i'll i'd it's don't can't am be been had will would an as by or so our their very really just about like
    love hate live work moved a im ive dont went got your if when because""".split()
)
_FOREIGN = frozenset(
    """je suis une les des est pas avec mon ma dans pour vous nous c'est j'ai j'aime habite très et au aux qui
    ich bin ein eine und nicht das der ist wohne mein meine mit habe auch sehr wir aus bei für
    yo soy vivo tengo una los las el que está estoy mi con gusta pero muy para trabajo del en es
    eu sou moro tenho um uma não meu minha com mas muito gosto trabalho estou na
    io sono ho di che il mio mia abito lavoro piace nel molto della
    ik ben een het niet mijn woon heb van maar jag är och inte min bor har mam jestem nie się mieszkam moja
    ben bir ve için mieszkam jsem det jeg er og ikke hei minä olen ja ei""".split()
)
_CHATTER = frozenset(
    """hola gracias buenos dias días buenas tardes noches adios adiós bonjour bonsoir salut merci au revoir hallo guten
    tag morgen abend danke tschüss ciao grazie buongiorno buonasera ola olá obrigado obrigada bom boa dia noite tarde
    de nada por favor bitte si sí oui ja non nein no você tu s'il vous plaît hej tack dank je wel""".split()
)
_CHATTER_ELSEWHERE = frozenset(
    """你好 您好 谢谢 谢谢你 谢谢您 再见 早上好 晚上好 好的 こんにちは
    ありがとう ありがとうございます おはよう さようなら はい
    안녕하세요 안녕 감사합니다 네 привет спасибо здравствуйте пока مرحبا شكرا שלום תודה""".split()
)


# What tells a reader to forget, to remember or to obey.
_REQUESTS = frozenset(
    """ignora olvida recuerda guarda obedece ignorad ignorez oubliez oublie retenez retiens enregistre enregistrez
    obéis ignoriere vergiss merke merk speichere gehorche ignore esqueça lembre guarde salve obedeça ignori ignorare
    dimentica ricorda salva negeer vergeet onthoud sla glem husk ignorera glöm kom zignoruj zapomnij zapamiętaj zapisz
    игнорируй забудь запомни сохрани запиши unut kaydet تجاهل تذكر احفظ""".split()
)
_REQUESTS_ELSEWHERE = (
    "忽略",
    "忘记",
    "记住",
    "请记住",
    "请忽略",
    "保存",
    "無視",
    "すべての指示",
    "これまでの指示",
    "覚えて",
    "무시",
    "기억해",
)


def is_foreign_request(sentence: str) -> bool:
    """Whether a foreign sentence begins by telling its reader what to do."""
    words = [word.lower() for word in _WORD.findall(sentence)]
    return bool(words) and (words[0] in _REQUESTS or sentence.lstrip(" \"'“«「¡").startswith(_REQUESTS_ELSEWHERE))


def is_foreign(sentence: str) -> bool:
    """Whether `sentence` is most likely not English, by script, then by its small words and accents."""
    letters = [letter for letter in sentence if letter.isalpha()]
    if not letters:
        return False
    if sum(not _is_latin(letter) for letter in letters) * 2 > len(letters):
        return True
    found: list[str] = _WORD.findall(sentence)
    words = [word.lower().replace("’", "'") for word in found]
    english = sum(word in _ENGLISH for word in words)
    # Within a sentence a capital is mostly a name's: Mia is not Italian for "my".
    foreign = sum(word in _FOREIGN for word, as_written in zip(words, found, strict=True) if _counts(as_written, found))
    # A name may carry an accent in an English sentence, so accents alone count only without any English word.
    accented = any(not word.isascii() for word in words) and not english and len(words) >= 3
    return foreign > english or accented


def _counts(word: str, sentence: Sequence[str]) -> bool:
    return word is sentence[0] or word[:1].islower() or word.isupper()


def is_foreign_chatter(sentence: str) -> bool:
    """Whether a foreign sentence only greets or thanks."""
    words = [word.lower() for word in _WORD.findall(sentence)]
    return bool(words) and (
        all(word in _CHATTER for word in words) or all(word in _CHATTER_ELSEWHERE for word in words)
    )


def _is_latin(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")
