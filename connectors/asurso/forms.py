"""Dates, times, names and marks of the SPO module in the forms of the canonical journal (portal facts A0, A6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from canonical.batch import Batch
from canonical.scales import Scale
from canonical.text import tidy
from connectors.asurso.wire import Cell, Named
from connectors.asurso.words import DEBT, MEANINGS, NO_VALUE, PRINTED
from connectors.wire import Words

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:T.*)?")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d)?")


def day(text: str | None) -> str | None:
    """`2024-10-07T00:00:00.0000000` as `2024-10-07`. What is no date stays as it is, to be refused by the cleaning."""
    if not text:
        return None
    found = _DATE.fullmatch(text)
    return found[1] if found else text


def as_date(text: str | None) -> date | None:
    """The same as a date; null where it is none."""
    try:
        return date.fromisoformat(day(text) or "")
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


Name = tuple[str, str, str]
"""Family name, given name and patronymic, to be compared."""


def name_of(who: Named) -> Name:
    """A name in the form in which two spellings of it are the same; what is missing is empty."""
    return folded(who.last_name), folded(who.first_name), folded(who.middle_name)


def same_name(one: Name, other: Name) -> bool:
    """Whether two names may be of one person: a patronymic that one of them lacks does not part them."""
    return one[:2] == other[:2] and (not one[2] or not other[2] or one[2] == other[2])


def folded(text: Any) -> str:
    """Text to be compared: tidy, case and ё aside; what is no text is empty."""
    return (tidy(text) or "").casefold().replace("ё", "е") if isinstance(text, str) else ""


def printed_names(family: str | None, given: str | None, patronymic: str | None) -> list[str]:
    """The forms in which a teacher's name may be printed on a journal page, folded: `шаблонова в.м.` and the whole."""
    if not family:
        return []
    parts = [part for part in (given, patronymic) if part]
    forms = (f"{family} {''.join(f'{part[0]}.' for part in parts)}", " ".join([family, *parts]))
    return list(dict.fromkeys(printed(form) for form in forms))


def printed(text: str) -> str:
    """A printed name to be compared: `Шаблонова В. М` is `шаблонова в.м.`"""
    return re.sub(r"\.\s+(?=\w\b)", ".", folded(text)).rstrip(".")


@dataclass(frozen=True, slots=True)
class MarkValue:
    """What a cell says, in canonical fields."""

    value: str
    grade: int | None
    meaning: str | None
    raw: dict[str, Any] | None


def mark_value(cell: Cell, scale: Scale, batch: Batch, entity: str) -> MarkValue | None:
    """What stands in a cell: a mark, a debt where one is required, or null.

    A code word that is not known is a mark of its own text; what it means is not known (canonical.md).
    """
    if cell.value in NO_VALUE:
        return MarkValue(DEBT, None, "debt", None) if cell.is_required else None
    assert cell.value  # noqa: S101 - NO_VALUE holds null and the empty text
    words = Words(batch, entity)
    meaning = words.of("meaning", cell.value, MEANINGS)
    value = PRINTED.get(cell.value, cell.value)
    return MarkValue(value, scale.grade(value) if cell.value in PRINTED else None, meaning, words.raw)


def filled(cells: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """What there is in an object of cells, in order: null is nothing (portal facts A0)."""
    return sorted((key, cell) for key, cell in (cells or {}).items() if cell is not None)


def merged(*raws: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Several `raw` objects in one."""
    return {k: v for raw in raws for k, v in (raw or {}).items()} or None
