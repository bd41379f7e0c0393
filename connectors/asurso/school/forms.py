"""Dates, times, names and marks of the school module in the forms of the canonical journal (portal facts B0, B2, B5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from canonical.text import tidy

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T.*)?")
_PRINTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d)")
_TIME: Final = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?")


def day(text: str | None) -> str | None:
    """`2024-10-07T00:00:00` as `2024-10-07`. What is no date stays as it is, to be refused by the cleaning."""
    if not text:
        return None
    found = _DATE.fullmatch(text)
    return found[1] if found else text


def as_date(text: Any) -> date | None:
    """The same as a date; null where it is none."""
    try:
        return date.fromisoformat(day(text) or "") if isinstance(text, str) else None
    except ValueError:
        return None


def printed_date(text: str) -> date | None:
    """`7.10.24` or `07.10.2024`; null where it is no date."""
    found = _PRINTED.fullmatch(text.strip())
    if not found:
        return None
    year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
    try:
        return date(year, int(found[2]), int(found[1]))
    except ValueError:
        return None


def instant(on: str | None, at: str | None, zone: ZoneInfo) -> str | None:
    """`8:30` on a day as an instant with the institution's offset. What is no time stays, to be refused by the cleaning."""
    if not at:
        return None
    found = _TIME.fullmatch(at)
    try:
        clock = time(int(found[1]), int(found[2])) if found else time.fromisoformat(at)
        return datetime.combine(date.fromisoformat(on or ""), clock, zone).isoformat()
    except ValueError:
        return f"{on}T{at}"


def midnight(on: date, zone: ZoneInfo) -> str:
    """The beginning of a day: where the portal says the day only."""
    return datetime.combine(on, time(), zone).isoformat()


def folded(text: Any) -> str:
    """Text to be compared: tidy, case and ё aside; what is no text is empty."""
    return (tidy(text) or "").casefold().replace("ё", "е") if isinstance(text, str) else ""


@dataclass(frozen=True, slots=True)
class FullName:
    """A name that the portal writes in one line: family name, given name, and the rest."""

    family: str | None
    given: str | None
    patronymic: str | None

    @classmethod
    def of(cls, text: str | None) -> FullName:
        parts = (tidy(text) or "").split(" ", 2)
        family, given, patronymic = (*parts, "", "", "")[:3]
        return cls(family or None, given or None, patronymic or None)


DEBT: Final = "•"
"""A duty mark («точка»): something is due, and there is no mark yet."""

DEBTS: Final = frozenset({".", "•", "·"})
"""How reports print it."""

ATTENDANCE: Final[Mapping[str, str]] = {
    "УП": "excused",
    "Б": "ill",
    "НП": "absent",
    "ОТ": "absent",
    "Н": "absent",
    "ОП": "late",
    "ОСВ": "exempt",
}
"""Attendance codes of the reports (portal facts B5)."""

_PERIODS: Final = (
    ("quarter", "четверт"),
    ("trimester", "триместр"),
    ("half_year", "полугод"),
    ("semester", "семестр"),
    ("module", "модул"),
    ("year", "год"),
)


def period_kind(name: str | None) -> str | None:
    """The kind of a term by its name: what the numbers of its type mean is not known (portal facts B5)."""
    said = folded(name)
    return next((kind for kind, word in _PERIODS if word in said), None)


_CONTROLS: Final = (
    ("homework", ("домашн",)),
    ("laboratory", ("лаборатор",)),
    ("practical", ("практич",)),
    ("exam", ("экзамен",)),
    ("test", ("контрольн", "тест", "зачет")),
    ("oral", ("ответ", "устн", "чтение", "доклад")),
    ("written", ("письмен", "самостоятельн", "диктант", "сочинени", "изложени", "реферат")),
)


def control_of(name: str | None) -> str | None:
    """What kind of control a type of assignments is, by its name. One of another name has none; its name stands in `kind`."""
    said = folded(name)
    if not said:
        return None
    return next((control for control, words in _CONTROLS if any(w in said for w in words)), "other")


HOME_TYPE: Final = "3"
"""The id of the type `Домашнее задание`, the same everywhere (portal facts B2.2)."""
