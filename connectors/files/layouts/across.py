"""Columns beside each other that are lessons, periods, subjects or groups, as their header rows say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from connectors.files.layouts.days import NotADayError, day_in, month_number, read_day
from connectors.files.layouts.match import fits
from connectors.files.layouts.model import Across, Table
from connectors.files.layouts.names import read_group, read_period
from connectors.files.layouts.values import Fault, Setting, Values, read_word
from connectors.files.reading.sheets import CellError, Place, Sheet, Value, column_of, shown

_NEAR: Final = 60
_WORDY: Final = re.compile(r"[^\W\d_]{3}")
_COUNTED: Final = re.compile(r"\s*[(:–-]*\s*\d+\s*\)?$")
"""How many there are of a kind, behind its name: «Экзамены (2)»."""

_LIKE_A_DAY: Final = re.compile(r"\s*\d+\s*[./-][\d\s./-]*|\d{5}")


@dataclass(frozen=True, slots=True)
class AcrossColumn:
    """A column of cells. `own_day` is false where it shares the date of the column before: another work of a lesson."""

    column: int
    values: Values
    own_day: bool = True


@dataclass(frozen=True, slots=True)
class _Above:
    """What stands above a column in one header row: its own cell, or the last one to the left."""

    value: Value
    own: bool
    place: Place


class _NoColumnError(Exception):
    """The column is none of those across."""


def columns_across(table: Table, sheet: Sheet, row: int, taken: set[int], setting: Setting) -> tuple[AcrossColumn, ...]:
    """The columns across of a table whose header begins at a row; `taken` are columns that are something else."""
    across = table.across
    assert across is not None  # noqa: S101 - callers ask only for tables that have some
    first, last = _range(across, sheet.width)
    made = []
    before: dict[int, tuple[Value, int]] = {}
    for column in range(first, last + 1):
        if column in taken:
            before.clear()
            continue
        above = []
        for n in range(len(across.rows)):
            value = sheet.cell(row + n, column)
            own = value is not None and shown(value) != ""
            if own:
                before[n] = value, column
            kept, at = (value, column) if own or n == len(across.rows) - 1 else before.get(n, (None, column))
            above.append(_Above(kept, own, Place(sheet.name, row + n, at)))
        said = any(a.own for a in above) or (
            across.rows[-1] == "ignore" and _is_filled(sheet, row + len(above), column)
        )
        if said and not any(fits(shown(a.value), across.skip) for a in above if a.value is not None):
            try:
                made.append(_column(across, column, above, setting))
            except _NoColumnError:
                continue
    return tuple(made)


def _is_filled(sheet: Sheet, start: int, column: int) -> bool:
    """Whether something stands near below a header in a column: it belongs to the last one named, though it has no header."""
    return any(sheet.text(row, column) for row in range(start, min(start + _NEAR, len(sheet.rows))))


def _range(across: Across, width: int) -> tuple[int, int]:
    if across.at is None:
        return 0, width - 1
    first, _, last = across.at.partition(":")
    return column_of(first), min(column_of(last), width - 1) if last else width - 1


def _column(across: Across, column: int, above: list[_Above], setting: Setting) -> AcrossColumn:
    values = Values()
    month: int | None = setting.month if "day" in across.rows and "month" not in across.rows else None
    own_day = True
    for role, one in zip(across.rows, above, strict=True):
        text = shown(one.value)
        if role == "ignore":
            continue
        if role == "month":
            month = month_number(text)
            if month is None:
                raise _NoColumnError
            continue
        if role in {"date", "day"}:
            own_day = one.own
        if not text:
            if role in {"number", "work", "weight"}:
                continue
            raise _NoColumnError
        try:
            values.said["date" if role == "day" else role] = _read(role, one.value, month, across, setting)
        except ValueError as error:
            values.faults["date" if role == "day" else role] = Fault(str(error), text, one.place)
    return AcrossColumn(column, values, own_day)


def _read(role: str, value: Value, month: int | None, across: Across, setting: Setting) -> Any:
    """What a header cell says in its role.

    Raises:
        ValueError: it should be what the role says, and is not.
        _NoColumnError: it is something else, so the column is none of those across.

    """
    text = shown(value)
    if role in {"date", "day"}:
        try:
            return _day(value, month, across, setting)
        except NotADayError:
            if isinstance(value, CellError) or _LIKE_A_DAY.fullmatch(text) or (role == "day" and text.isdecimal()):
                raise ValueError("not a date") from None
            raise _NoColumnError from None
    read = _READ.get(role)
    return read(text, across) if read else text


def _number(text: str, _: Across) -> int:
    found = re.fullmatch(r"(\d{1,2})(?:\s*(?:урок|пара|ур\.?|п\.?))?", text)
    if not found:
        raise ValueError("not the number of a lesson")
    return int(found[1])


def _weight(text: str, _: Across) -> float:
    if not re.fullmatch(r"\d{1,3}(?:[.,]\d+)?", text):
        raise ValueError("not a weight")
    return float(text.replace(",", "."))


def _period(text: str, across: Across) -> Any:
    period = read_period(across.words.get(text, text))
    if period is None:
        raise _NoColumnError
    return period


def _kind(text: str, across: Across) -> str:
    said = _COUNTED.sub("", text)
    kind = read_word("attestation_kind", said, across.words)
    if kind == said:
        raise _NoColumnError
    return kind


def _subject(text: str, _: Across) -> str:
    if not _WORDY.search(text):
        raise _NoColumnError
    return text


_READ: Final[Mapping[str, Callable[[str, Across], Any]]] = {
    "number": _number,
    "weight": _weight,
    "period": _period,
    "kind": _kind,
    "subject": _subject,
    "group": lambda text, _: read_group(text),
}


def _day(value: Value, month: int | None, across: Across, setting: Setting) -> date:
    if month is None and "day" not in across.rows:
        return read_day(value, setting.year, across.dates or setting.dates)
    found = re.fullmatch(r"(\d{1,2})(?:\.0)?", shown(value))
    if not found or not 1 <= int(found[1]) <= 31:
        raise NotADayError
    if month is None:
        raise ValueError("no heading says its month")
    return day_in(setting.year, month, int(found[1]))
