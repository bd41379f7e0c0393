"""Reads the cells of a field: the value, or why it cannot be read and where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from types import MappingProxyType
from typing import Any, Final, Protocol

from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.files.layouts.cells import CellWords, UnreadableCellError
from connectors.files.layouts.days import NotADayError, month_in, read_day, read_span, read_years, weekday_number
from connectors.files.layouts.fields import WORDS
from connectors.files.layouts.match import folded
from connectors.files.layouts.names import read_group, read_name, read_period
from connectors.files.reading.sheets import CellError, Place, Value, shown

_TIME: Final = re.compile(r"(\d{1,2})[:.](\d\d)(?::\d\d)?")


@dataclass(frozen=True, slots=True)
class Setting:
    """What the reading of cells depends on beside the layout."""

    year: AcademicYear
    words: CellWords
    dates: tuple[str, ...] = ()
    month: int | None = None

    def of(self, year: AcademicYear, month: int | None = None) -> Setting:
        """The same with what the headings say: the year, and the month of the days that stand across."""
        return replace(self, year=year, month=month or self.month)


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that cannot be read."""

    why: str
    text: str
    place: Place | None

    @property
    def reason(self) -> str:
        return f"{self.place or 'the heading'}: {self.why}"


@dataclass(slots=True)
class Values:
    """What was read of some cells: field -> value, and field -> what is wrong with its cell."""

    said: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def over(self, other: Values) -> Values:
        """These values, and for fields that they do not have those of the other."""
        faults = {k: v for k, v in other.faults.items() if k not in self.said}
        return Values({**other.said, **self.said}, {**faults, **self.faults})


NOTHING: Final = Values()
"""What an empty cell says; one for all of them."""


class Rules(Protocol):
    """How a layout wants a text to be read: columns, headings and columns across say it alike."""

    @property
    def pattern(self) -> str | None: ...
    @property
    def words(self) -> dict[str, str]: ...
    @property
    def dates(self) -> tuple[str, ...]: ...


class UnreadableError(ValueError):
    """The text is none of what the field holds; the message says what was expected."""


def read_cell(
    name: str, value: Value, place: Place | None, rules: Rules, kinds: Mapping[str, str], setting: Setting
) -> Values:
    """The fields that a cell gives: its own, or those that the pattern names.

    `kinds` says how each field is read (`fields.KINDS`). An empty cell gives nothing.
    """
    if _is_empty(value):
        return NOTHING
    made = Values()
    parts: dict[str, Value] = {name: value}
    if rules.pattern is not None:
        found = re.fullmatch(rules.pattern, tidy(shown(value)) or "", re.IGNORECASE)
        if not found or isinstance(value, CellError):
            made.faults[name] = Fault("does not fit the pattern", shown(value), place)
            return made
        parts = dict(found.groupdict()) or {name: value}
        if "value" in parts:
            parts[name] = parts.pop("value")
    for field_name, part in parts.items():
        if _is_empty(part):
            continue
        try:
            said = _read(kinds[field_name], part, rules, setting)
        except UnreadableError as error:
            made.faults[field_name] = Fault(str(error), shown(part), place)
        else:
            if said is not None:
                made.said[field_name] = said
    return made


def _is_empty(value: Value) -> bool:
    """Whether a cell says nothing; a dash says as much."""
    return value is None or (isinstance(value, str) and value.strip() in {"", "-", "–", "—"})


def _read(kind: str, value: Value, rules: Rules, setting: Setting) -> Any:
    """A value by how its field is read.

    Raises:
        UnreadableError: it is none.

    """
    if isinstance(value, CellError):
        raise UnreadableError(f"the cell shows the error {value.text}")
    if kind in _OF_CELL:
        return _OF_CELL[kind](kind, value, rules, setting)
    text = tidy(shown(value))
    if text is None:
        return None
    return read_word(kind, text, rules.words) if kind in WORDS else _OF_TEXT[kind](text, rules)


def _day(_: str, value: Value, rules: Rules, setting: Setting) -> Any:
    try:
        return read_day(value, setting.year, rules.dates or setting.dates, past=True)
    except NotADayError:
        raise UnreadableError("not a date") from None


def _marks(kind: str, value: Value, _: Rules, setting: Setting) -> Any:
    try:
        return setting.words.read(value) if kind == "cell" else setting.words.read_mark(value)
    except UnreadableCellError:
        expected = "neither marks nor attendance" if kind == "cell" else "not one mark"
        raise UnreadableError(expected) from None


def read_word(kind: str, text: str, own: Mapping[str, str]) -> str:
    """A canonical word; one that is not known stays as it is, and goes into the record's `raw`."""
    known = {**WORDS[kind], **{folded(k): v for k, v in own.items()}}
    return known.get(folded(text), text)


def _number(kind: str, value: Value, *_: Any) -> int | float:
    text = shown(value).replace("\xa0", "").replace(" ", "").replace(",", ".").rstrip(".")
    try:
        number = float(text) if re.fullmatch(r"-?\d{1,9}(?:\.\d+)?", text) else None
    except ValueError:
        number = None
    if number is None or (kind == "integer" and not number.is_integer()):
        raise UnreadableError("not a whole number" if kind == "integer" else "not a number")
    return int(number) if number.is_integer() else number


def _times(kind: str, value: Value, *_: Any) -> Any:
    if isinstance(value, (datetime, time)) and kind == "time":
        return value.strftime("%H:%M")
    found = _TIME.findall(shown(value))
    if len(found) != (1 if kind == "time" else 2) or not all(int(h) < 24 and int(m) < 60 for h, m in found):
        raise UnreadableError("not a time of day" if kind == "time" else "not two times of day")
    said = tuple(f"{int(h):02}:{m}" for h, m in found)
    return said[0] if kind == "time" else said


def _person(text: str, _: Rules) -> Any:
    name = read_name(text)
    if name is None:
        raise UnreadableError("not a name of a person")
    return name


def _people(text: str, rules: Rules) -> Any:
    separator = getattr(rules, "separator", None)
    parts = text.split(separator) if separator else re.split(r"[,;/]|\sи\s", text)
    return tuple(_person(part, rules) for part in parts if part.strip())


def _or_fault(read: Callable[[str], Any], why: str) -> Callable[[str, Rules], Any]:
    def one(text: str, _: Rules) -> Any:
        value = read(text)
        if value is None:
            raise UnreadableError(why)
        return value

    return one


_OF_CELL: Final[Mapping[str, Callable[[str, Value, Rules, Setting], Any]]] = MappingProxyType(
    {
        "cell": _marks,
        "mark": _marks,
        "date": _day,
        "time": _times,
        "times": _times,
        "integer": _number,
        "number": _number,
    }
)
_OF_TEXT: Final[Mapping[str, Callable[[str, Rules], Any]]] = MappingProxyType(
    {
        "text": lambda text, _: text,
        "subject": lambda text, _: text,
        "person": _person,
        "people": _people,
        "group": _or_fault(read_group, "not a group"),
        "period": _or_fault(read_period, "not a reporting period"),
        "weekday": _or_fault(weekday_number, "not a day of the week"),
        "month": _or_fault(month_in, "not a month"),
        "academic_year": _or_fault(read_years, "not an academic year"),
        "dates": _or_fault(read_span, "not two dates"),
    }
)
