"""Days as staff write them: «05.09», «5 сен», «5 сентября 2026 г.», a serial number of Excel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from canonical.years import AcademicYear
from connectors.files.reading.sheets import Value

_MONTHS: Final = ("янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
_MONTH: Final = r"(?P<word>янв\w*|фев\w*|мар\w*|апр\w*|ма[йя]|июн\w*|июл\w*|авг\w*|сен\w*|окт\w*|ноя\w*|дек\w*)"
_WEEKDAYS: Final = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_LONG_WEEKDAYS: Final = ("понедельник", "вторник", "сред", "четверг", "пятниц", "суббот", "воскресень")
_WEEKDAY: Final = re.compile(
    r"\b(?:пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|сред\w|четверг|пятниц\w|суббот\w|воскресень\w)\b[.,]?"
)

_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:t[\d:.]+)?",
        r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})(?:[./-](?P<year>\d{4}|\d{2}))?",
        rf"(?P<day>\d{{1,2}})[ .-]?{_MONTH}\.?(?: ?(?P<year>\d{{4}}|\d{{2}}))?",
    )
)
_PARTS: Final = {
    "DD": r"(?P<day>\d{1,2})", "D": r"(?P<day>\d{1,2})", "MMM": _MONTH + r"\.?", "MM": r"(?P<month>\d{1,2})",
    "M": r"(?P<month>\d{1,2})", "YYYY": r"(?P<year>\d{4})", "YY": r"(?P<year>\d{2})",
}  # fmt: skip
_FIRST_SERIAL: Final = date(1899, 12, 30)
_SPAN: Final = re.compile(r"(\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))\D+?(\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))")
_YEARS: Final = re.compile(r"\b(20\d\d)\s*[-/–—]\s*(20\d\d|\d\d)\b")


class NotADayError(ValueError):
    """A text or number that is no day."""


def read_day(value: Value, year: AcademicYear, forms: Sequence[str] = (), *, past: bool = False) -> date:
    """The day that a cell holds. Where no year is written the academic year supplies it.

    `forms` are the forms that a layout names (`DD.MM`); without, every form that cannot be taken for another is read.
    `past` says that it lies before the end of the academic year: a birth date's `98` is 1998.

    Raises:
        NotADayError: it is none.

    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _of_number(value, year)
    if not isinstance(value, str):
        raise NotADayError
    text = _WEEKDAY.sub("", " ".join(value.casefold().split())).strip(" ().,")
    text = re.sub(r"\s*\b(?:года|г)\.?$", "", text).strip(" .,")
    text = re.sub(r"^(\S+) 0?0:00(?::00)?$", r"\1", text)
    for pattern in [_compiled(f) for f in forms] or _FORMS:
        if found := pattern.fullmatch(text):
            return _day(found.groupdict(), year, past=past)
    raise NotADayError


def day_in(year: AcademicYear, month: int, day: int) -> date:
    """The day of a month in an academic year, which begins in September.

    Raises:
        NotADayError: the month has no such day.

    """
    try:
        return date(year.first if month >= 9 else year.first + 1, month, day)
    except ValueError:
        raise NotADayError from None


def _of_number(number: float, year: AcademicYear) -> date:
    """A serial number of Excel, or `5.09` that Excel has taken for a number. `5.1` may be January or October."""
    if 20_000 <= number < 80_000:
        return _FIRST_SERIAL + timedelta(days=int(number))
    day, _, month = str(number).partition(".")
    if len(month) == 2:
        return day_in(year, int(month), int(day))
    raise NotADayError


def _day(parts: dict[str, str | None], year: AcademicYear, *, past: bool) -> date:
    word, said = parts.get("word"), parts.get("year")
    month = month_number(word) if word else int(parts["month"] or 0)
    day = int(parts["day"] or 0)
    if not said:
        return day_in(year, month or 0, day)
    full = int(said) if len(said) == 4 else 2000 + int(said)
    if past and len(said) == 2 and full > year.first + 1:
        full -= 100
    try:
        return date(full, month or 0, day)
    except ValueError:
        raise NotADayError from None


@lru_cache(maxsize=100)
def _compiled(form: str) -> re.Pattern[str]:
    parts = re.split(r"(DD?|MMM|MM?|YYYY|YY)", form)
    return re.compile("".join(_PARTS.get(part) or re.escape(part) for part in parts))


def month_number(text: str) -> int | None:
    """9 of «сентябрь», «Сентября», «сен.»; null if it is no month."""
    word = text.casefold().strip(" .")
    if not re.fullmatch(_MONTH, word):
        return None
    return next(
        n for n, start in enumerate(_MONTHS, 1) if word.startswith(start) and (start != "ма" or word in {"май", "мая"})
    )


def month_in(text: str) -> int | None:
    """10 of «октябрь», «октябрь 2026 г.», «за октябрь»; null if no word of it is a month."""
    return next((n for word in text.split() if (n := month_number(word))), None)


def weekday_number(text: str) -> int | None:
    """1 of «Пн» or «понедельник», to 7; null if it is no day of the week."""
    word = text.casefold().strip(" .")
    for n in range(7):
        if word == _WEEKDAYS[n] or (word.startswith(_LONG_WEEKDAYS[n]) and len(word) < 13):
            return n + 1
    return None


def read_span(text: str) -> tuple[date, date] | None:
    """Two days with their years in a text: «с 01.09.2024 по 24.05.2025»; null if there are none."""
    found = _SPAN.search(text)
    if not found:
        return None
    whatever = AcademicYear(2000)
    try:
        start, end = read_day(found[1], whatever), read_day(found[2], whatever)
    except NotADayError:
        return None
    return (start, end) if start <= end else None


def read_years(text: str) -> AcademicYear | None:
    """`2024/2025`, `2024-25` in a text; null if there are no two years that follow each other."""
    found = _YEARS.search(text)
    if not found or int(found[2]) % 100 != (int(found[1]) + 1) % 100:
        return None
    return AcademicYear(int(found[1]))
