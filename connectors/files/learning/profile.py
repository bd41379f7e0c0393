"""What the cells of a column are like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from connectors.files.layouts.cells import UnreadableCellError
from connectors.files.layouts.days import NotADayError, read_day
from connectors.files.layouts.names import read_name
from connectors.files.layouts.values import Setting
from connectors.files.reading.sheets import Sheet, Value, shown

_CLASS: Final = re.compile(r"(?:1[01]|[1-9])\s*[-«\"“ ]*[А-ЯЁа-яё][»\"”]?")
_GROUP: Final = re.compile(r"[А-ЯЁA-Z]{1,5}\s*-?\s*\d{1,3}(?:[-/.]?\w{1,4})?")
_TIME: Final = re.compile(r"\d{1,2}[:.]\d\d(?:\s*[-–]\s*\d{1,2}[:.]\d\d)?")
_WORD: Final = re.compile(r"[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?")
_MOST_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares, 0 to 1, of a column's filled cells that could be something; `filled` is their number."""

    filled: int = 0
    names: float = 0
    words: float = 0
    days: float = 0
    births: float = 0
    marks: float = 0
    groups: float = 0
    whole: float = 0
    times: float = 0
    length: float = 0
    different: float = 0


def profile(sheet: Sheet, column: int, start: int, setting: Setting) -> Profile:
    """The profile of the cells of a column from a row on."""
    cells = [v for r in range(start, min(start + _MOST_ROWS, len(sheet.rows))) if shown(v := sheet.cell(r, column))]
    if not cells:
        return Profile()
    texts = [shown(v) for v in cells]
    days = [_day(v, setting) for v in cells]
    number = len(cells)
    return Profile(
        filled=number,
        names=sum(read_name(t) is not None and " " in t for t in texts) / number,
        words=sum(_WORD.fullmatch(t) is not None for t in texts) / number,
        days=sum(d is not None for d in days) / number,
        births=sum(d is not None and setting.year.first - d.year >= 5 for d in days) / number,
        marks=sum(_is_mark(v, setting) for v in cells) / number,
        groups=sum(bool(_CLASS.fullmatch(t) or _GROUP.fullmatch(t)) for t in texts) / number,
        whole=sum(t.isdecimal() for t in texts) / number,
        times=sum(_TIME.fullmatch(t) is not None for t in texts) / number,
        length=sum(map(len, texts)) / number,
        different=len(set(texts)) / number,
    )


def _day(value: Value, setting: Setting) -> date | None:
    try:
        return read_day(value, setting.year, past=True) if not isinstance(value, (int, float)) else None
    except NotADayError:
        return None


def _is_mark(value: Value, setting: Setting) -> bool:
    try:
        return bool(setting.words.read(value))
    except UnreadableCellError:
        return False
