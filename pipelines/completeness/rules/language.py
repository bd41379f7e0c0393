"""All records are in Russian, those of foreign-language lessons included (TEX 3.1.6; KRU 3.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field

from pipelines.completeness.case import Case
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Suspicion

_WORD: Final = re.compile(r"[^\W\d_]+")
_ADDRESS: Final = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2,4}|рф)\b(?:/\S*)?")
"""What leads to a page, a mailbox or a file is in no language."""
_LONGEST_ABBREVIATION: Final = 5
_NAMES: Final = {"topic": "тема", "homework": "домашнее задание"}


class LanguageSettings(RuleSettings):
    """`fields` of a lesson are looked at; `terms` are foreign words that may stand by themselves.

    A record is not in Russian when less than `russian_share` of the letters of its words are Cyrillic. Words of less than
    three letters (symbols, units), abbreviations and Roman numbers (up to five capitals), addresses and names of files do
    not count as words.
    """

    fields: tuple[Literal["topic", "homework"], ...] = ("topic", "homework")
    russian_share: float = Field(default=0.1, gt=0, le=1)
    terms: tuple[str, ...] = ()


def not_russian(case: Case, settings: LanguageSettings) -> Iterator[Suspicion]:
    """Recorded lessons whose topic or homework is not in Russian."""
    terms = frozenset(t.casefold() for t in settings.terms)
    for lesson in case.lessons:
        foreign = [f for f in settings.fields if is_foreign(getattr(lesson, f), settings.russian_share, terms)]
        if foreign and case.is_recorded(lesson):
            yield case.of_lesson(
                lesson,
                Ground.WRONG,
                f"запись не на русском языке ({', '.join(_NAMES[f] for f in foreign)})",
                read_at=case.read_at("lessons", lesson),
                records=(("lessons", "key", lesson.key),),
            )


def is_foreign(text: str | None, russian_share: float, terms: frozenset[str] = frozenset()) -> bool:
    """Whether a text has foreign words, and (nearly) no Russian ones. `terms` are in lower case."""
    words = _WORD.findall(_ADDRESS.sub(" ", unicodedata.normalize("NFC", text or "")))
    foreign = sum(len(w) for w in words if _is_foreign_word(w, terms))
    russian = sum(_is_cyrillic(letter) for word in words for letter in word)
    return foreign > 0 and russian < russian_share * (russian + foreign)


def _is_foreign_word(word: str, terms: frozenset[str]) -> bool:
    if len(word) < 3 or (len(word) <= _LONGEST_ABBREVIATION and word.isupper()):
        return False
    return not any(map(_is_cyrillic, word)) and word.casefold() not in terms


def _is_cyrillic(letter: str) -> bool:
    return "\u0400" <= letter <= "\u052f"


RULES: Final = (
    Rule(
        "record.not_russian",
        "Запись не на русском языке",
        "Тема или домашнее задание записаны не по-русски; уроки иностранного языка — не исключение. Отдельные термины и "
        "названия в русской записи допускаются.",
        ("lessons.topic",),
        LanguageSettings,
        not_russian,
    ),
)
