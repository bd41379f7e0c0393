"""Names, printed dates and marks of the school module in the forms of the canonical journal (portal facts B0, B2, B5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from canonical.text import tidy
from connectors.asurso.values import folded

_PRINTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d)")


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


def midnight(on: date, zone: ZoneInfo) -> str:
    """The beginning of a day: where the portal says the day only."""
    return datetime.combine(on, time(), zone).isoformat()


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
