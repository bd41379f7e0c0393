"""Days, times, texts and ids as both modules write them (portal facts A0, B0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from canonical.text import tidy
from connectors.wire import plain_key

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T.*)?")
_TIME: Final = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?")


def day(text: str | None) -> str | None:
    """`2024-10-07T00:00:00.0000000` as `2024-10-07`. What is no date stays as it is, to be refused by the cleaning."""
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


def folded(text: Any) -> str:
    """Text to be compared: tidy, case and ё aside; what is no text is empty."""
    return (tidy(text) or "").casefold().replace("ё", "е") if isinstance(text, str) else ""


def id_of(item: Any, *names: str) -> str | None:
    """The id of an item as it came, broken or not."""
    return plain_key(item, *(names or ("id",)))


def by_number(key: str) -> tuple[int, str]:
    """Orders ids as the numbers that they are."""
    return (int(key), key) if key.isdecimal() else (1 << 63, key)


def inside(value: Any, name: str) -> Any:
    """What an object of an answer holds under a name; null where it is no object."""
    return value.get(name) if isinstance(value, Mapping) else None
