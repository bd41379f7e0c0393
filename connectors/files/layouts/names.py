"""Names as staff write them: people, groups, subjects with subgroups, reporting periods."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from canonical.text import tidy

_INITIALS: Final = re.compile(r"(?<=\.)(?=[^\s.])")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’`-][^\W\d_]+)*-?\.?", re.UNICODE)
_CLASS: Final = re.compile(
    r"(\d{1,2})\s*[-–]?\s*[\"«“'(]*\s*([^\W\d_])\s*[\"»”')]*(?:\s*класс)?", re.UNICODE | re.IGNORECASE
)
_ONLY_LEVEL: Final = re.compile(r"(\d{1,2})\s*класс", re.IGNORECASE)
_SUBGROUP: Final = re.compile(r"(?:.*\b)?(?:под)?групп\w*\b.*|(?:подгр|п/г|гр)\b.*|\d{1,2}", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"(?P<subject>.+?)\s*\((?P<part>[^()]*(?:групп|подгр|п/г)[^()]*)\)", re.IGNORECASE)
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "і": 1, "іі": 2, "ііі": 3}
_UNITS: Final = (
    (r"четв\w*|чет|ч", "quarter"),
    (r"трим\w*|тр", "trimester"),
    (r"полуг\w*|п/г|пг", "half_year"),
    (r"семе?с\w*|сем", "semester"),
    (r"модул\w*|мод", "module"),
)
_COUNTED: Final = tuple(
    (re.compile(rf"(?:за )?(?P<n>\d|[ivі]+)(?:-?(?:я|й|ая|ое|ый|е))? ?(?:{unit})\b\.?(?: .*)?"), kind)
    for unit, kind in _UNITS
)
_YEARLY: Final = (
    (re.compile(r"(?:за )?(?:учебный )?год\b.*|годов\w*(?: .*)?"), "year"),
    (re.compile(r"экз\w*\.?(?: .*)?|экзаменационн\w* .*"), "exam"),
    (re.compile(r"итог\w*(?: отметка| оценка)?"), "final"),
)


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name in its parts; `full` is the parts with single spaces."""

    family: str
    given: str | None
    patronymic: str | None

    @property
    def full(self) -> str:
        return " ".join(filter(None, (self.family, self.given, self.patronymic)))


def read_name(text: str) -> Name | None:
    """«Фамилия Имя Отчество», «Фамилия И.О.», «Фамилия Имя»; null if it is no name of a person."""
    parts = _INITIALS.sub(" ", (tidy(text) or "").strip(",;")).split()
    if not 2 <= len(parts) <= 6 or not all(_WORD.fullmatch(part) for part in parts) or not parts[0][0].isupper():
        return None
    return Name(parts[0], parts[1], " ".join(parts[2:]) or None)


def read_group(text: str) -> str | None:
    """The name of a class or group: `7А` of `7 "а"` and `7-А класс`; a college's name as it is; null if it is empty."""
    said = tidy(text)
    if said is None:
        return None
    if found := _CLASS.fullmatch(said):
        return f"{int(found[1])}{found[2].upper()}"
    if found := _ONLY_LEVEL.fullmatch(said):
        return found[1]
    return said


def level_of(group: str) -> int | None:
    """7 of `7А`; null where the name of a class does not begin with its grade."""
    found = re.fullmatch(r"(\d{1,2})[^\W\d_]?", group)
    return int(found[1]) if found and 1 <= int(found[1]) <= 11 else None


def read_subject(text: str, group: str | None) -> tuple[str, str | None]:
    """A subject's name without the class, and the subgroup that is taught it, if one is named."""
    said = tidy(text) or ""
    part: str | None = None
    base, slash, tail = said.rpartition("/")
    if slash and base.strip() and _SUBGROUP.fullmatch(tail.strip()):
        said, part = base.strip(), tail.strip()
    elif found := _BRACKETED.fullmatch(said):
        said, part = found["subject"].strip(), found["part"].strip()
    if group:
        said = re.sub(rf"\s*[,(]?\s*\b{re.escape(group)}\b\s*(?:класс)?\)?$", "", said).strip() or said
    return said, part


@dataclass(frozen=True, slots=True)
class PeriodName:
    """A reporting period as a header names it. `kind` is that of the period, `mark` that of the marks for it."""

    kind: str
    number: int
    mark: str
    name: str


def read_period(text: str) -> PeriodName | None:
    """«1 четверть», «II полугодие», «Год», «Экзамен», «Итоговая»; null if it is no period."""
    said = tidy(text) or ""
    plain = said.casefold().replace("ё", "е").strip(" .:")
    for pattern, kind in _COUNTED:
        if found := pattern.fullmatch(plain):
            number = int(found["n"]) if found["n"].isdigit() else _ROMAN.get(found["n"], 0)
            return PeriodName(kind, number, "period", said) if number else None
    for pattern, mark in _YEARLY:
        if pattern.fullmatch(plain):
            return PeriodName("year", 1, mark, said)
    return None
