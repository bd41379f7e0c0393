"""The portal's ways of writing dates, times and numbers (facts B3): each endpoint has its own, so all are read.

Every reader takes what stood in the JSON and gives ISO text. What is not a date, time or number raises `ValueError`; the
message never repeats the value.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final

WRAPPERS: Final = ("items", "data", "payload", "response")
"""Names under which an object may hold the list that was asked for (B3)."""

_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def to_moment(value: Any) -> datetime:
    """A moment from `08.09.2026`, `08.09.2026 12:00`, `[2026,9,8]`, `2026-09-08` or `2026-09-08T09:25:00.000`.

    A moment without an offset is the institution's local one. A date alone is its midnight.

    Raises:
        ValueError: it is none of these, or there is no such day.

    """
    try:
        if isinstance(value, str):
            text = value.strip()
            if found := _DOTTED.fullmatch(text):
                day, month, year, *clock = (int(n or 0) for n in found.groups())
                return _local(year, month, day, *clock)
            return datetime.fromisoformat(text)
        if isinstance(value, list) and len(value) in {3, 5, 6} and all(type(n) is int for n in value):
            return _local(*value)
    except (ValueError, OverflowError):
        raise ValueError("not a date") from None
    raise ValueError("not a date")


def _local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the portal's times are local (B3)


def to_day(value: Any) -> str:
    """The day of a moment, `2026-09-08`. Raises `ValueError` as `to_moment`."""
    return to_moment(value).date().isoformat()


def to_instant(value: Any) -> str:
    """A moment as ISO text, without an offset where the portal sent none. Raises `ValueError` as `to_moment`."""
    return to_moment(value).isoformat()


def to_clock(value: Any) -> str:
    """`[9, 25]` or `9:25` as `09:25:00`.

    Raises:
        ValueError: it is neither, or there is no such time.

    """
    parts = value.split(":") if isinstance(value, str) else value
    if isinstance(parts, list) and len(parts) in {2, 3} and all(type(p) is int or str(p).isdigit() for p in parts):
        hour, minute = int(parts[0]), int(parts[1])
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}:00"
    raise ValueError("not a time")


def dotted(day: date) -> str:
    """`08.09.2026`, as marks and attendances are asked for."""
    return day.strftime("%d.%m.%Y")


def plain(number: float) -> str:
    """A number as it is printed: `2` for 2.0."""
    return str(int(number)) if float(number).is_integer() else str(number)


def blank(value: Any) -> Any:
    """Null for an empty text, all else as it is."""
    return None if isinstance(value, str) and not value.strip() else value
