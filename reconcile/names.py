"""People's names as systems write them, in one form that can be compared."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from reconcile.words import fold

_DASH: Final = re.compile(r"\s*-\s*")
_NOT_A_LETTER: Final = re.compile(r"[^\w-]|[\d_]")
_PATRONYMIC: Final = re.compile(r".+(вич|ич|вна|чна|шна|оглы|кызы)$")
_ENDING: Final = re.compile(r"(?<=..)(ович|евич|ич|овна|евна|ична|инична)$")
_TURKIC: Final = frozenset({"оглы", "оглу", "кызы", "гызы", "кизи", "улы", "угли", "уулу"})
_NONE: Final = frozenset({"нет", "отсутствует", "без", "отчества"})


class Name(NamedTuple):
    """A name folded (`reconcile.words.fold`); double names are joined with a dash, what is not said is empty.

    A single letter is an initial.
    """

    family: str
    given: str
    patronymic: str


@lru_cache(maxsize=262_144)
def _words(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    joined = _DASH.sub("-", _NOT_A_LETTER.sub(" ", fold(text).replace("'", "")))
    return tuple(w for w in (w.strip("-") for w in joined.split()) if w)


def read_name(family: str | None, given: str | None, patronymic: str | None) -> Name:
    """A name from the three fields of a person.

    Also where all of it stands in the first («Тестова Алиса Петровна», «Тестова А. П.», «А. П. Тестова»), or given name
    and patronymic stand together.
    """
    first, second = _words(family), _words(given)
    third = tuple(w for w in _words(patronymic) if w not in _TURKIC and w not in _NONE)
    if not second and len(first) > 1:
        first = _family_first(first)
        first, second = first[:1], first[1:]
    elif len(first) > 1 and second and not third and len(first[-1]) == 1 and first[1:] == second:
        first = first[:1]
    if not third and len(second) > 2 and second[-1] in _TURKIC:
        second, third = second[:1], second[1:-1]
    if not third and len(second) > 1 and (_PATRONYMIC.fullmatch(second[-1]) or len(second[0]) == len(second[1]) == 1):
        second, third = second[:1], tuple(w for w in second[1:] if w not in _TURKIC)
    return Name("-".join(first), "-".join(second), "-".join(third))


def _family_first(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a whole name, the family name before the rest: it may stand behind the patronymic or the initials."""
    if len(words) == 3 and _PATRONYMIC.fullmatch(words[1]) and not _PATRONYMIC.fullmatch(words[2]):
        return (words[2], *words[:2])
    if len(words[0]) == 1 and len(words[-1]) > 1 and all(len(w) == 1 for w in words[:-1]):
        return (words[-1], *words[:-1])
    return words


def stem(patronymic: str) -> str:
    """A patronymic without its ending, so that «Рашид оглы» and «Рашидович» are one."""
    return _ENDING.sub("", patronymic)


def is_initial_of(one: str, other: str) -> bool:
    """Whether one is only the first letter of the other, or the other way round."""
    if not one or not other or one == other:
        return False
    short, long = sorted((one, other), key=len)
    return len(short) == 1 and long.startswith(short)


def same_as_far_as_said(one: str, other: str) -> bool:
    """Whether two parts of a name do not contradict each other: equal, an initial, or not said."""
    return not one or not other or one == other or is_initial_of(one, other)
