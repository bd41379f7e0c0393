"""Finds what stands above a table, in the name of its sheet and of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from canonical.text import tidy
from connectors.files.layouts.fields import KINDS
from connectors.files.learning.vocabulary import Vocabulary
from connectors.files.reading.sheets import Sheet

_LABEL: Final = re.compile(r"([^:\d]{3,40}):\s*(.*)")
_CLASS: Final = r"(?:1[01]|[1-9])\s?[-«\"]?[а-яё][»\"]?"
_GROUP: Final = r"[а-яё]{1,5}-?\d{1,3}(?:[-/.]\d{1,2})?"
_BEFORE: Final = rf"(?:.*?\s)?(?:класса?|группы?а?)\s+(?P<value>{_CLASS}|{_GROUP})\b.*"
_AFTER: Final = rf"(?:.*?\s)?(?P<value>{_CLASS})\s+класса?\b.*"
_ALONE: Final = rf"(?P<value>{_CLASS}|{_GROUP})"
_INSIDE: Final = rf"(?:.*?[\s_,-])?(?P<value>{_CLASS})(?:[\s_,-].*)?"
_SUBJECT: Final = r"(?:.*[\s,;])?(?:предмет|дисциплина|по предмету|по дисциплине)[\s:]+[«\"]?(?P<value>[^,;:«»\"]{3,80}?)[»\"]?(?:[,;].*)?"
_MONTH: Final = (
    r"(?:.*\s)?(?P<value>(?:январ|феврал|март|апрел|ма[йя]|июн|июл|август|сентябр|октябр|ноябр|декабр)\w*)(?:\s.*)?"
)
_SPAN: Final = r".*\d{1,2}\.\d{1,2}\.(?:\d{4}|\d\d).+\d{1,2}\.\d{1,2}\.(?:\d{4}|\d\d).*"
_PERIOD: Final = (
    r"(?:.*[\s:])?(?P<value>(?:[1-4]|I{1,3}|IV)-?[йяе]? (?:четверть|триместр|полугодие|семестр|модуль))(?:[\s,.].*)?"
)
_NO_NAME: Final = re.compile(r"(?:лист|sheet|страница|page|table|csv|worksheet)\s*\d*", re.IGNORECASE)


def find_headings(
    sheet: Sheet, row: int, file: str, kind: str, words: Vocabulary, given: set[str]
) -> dict[str, dict[str, Any]]:
    """The headings of a table that begins at a row, as a layout says them; `given` are fields that columns give.

    A heading that names nothing that the kind of table holds is none.
    """
    found: dict[str, dict[str, Any]] = {}
    for label, name in _labelled(sheet, row, words):
        if name in KINDS[kind].fields and name not in given and name not in found:
            found[name] = {"label": label}
    needed = {n for names in KINDS[kind].needs for n in names} - given - found.keys()
    if "group" in needed and (group := _group(sheet, row, file)):
        found["group"] = group
    if "subject" in needed and _stands(sheet, row, _SUBJECT):
        found["subject"] = {"pattern": _SUBJECT}
    elif "subject" in needed and _is_subject(sheet.name):
        found["subject"] = {"where": "sheet_name"}
    if "day" in given and "month" not in {*given, *found}:
        found["month"] = {"pattern": _MONTH}
    if "weekday" in given and not {"date", "dates", "week", "period"} & {*given, *found}:
        span = _stands(sheet, row, _SPAN)
        found.update({"dates": {"pattern": _SPAN}} if span else {"period": {"pattern": _PERIOD}})
    return found


def _labelled(sheet: Sheet, row: int, words: Vocabulary) -> Iterator[tuple[str, str]]:
    """Labels above the table, each with the field that it names."""
    for r in range(row):
        for c in range(len(sheet.rows[r])):
            text = tidy(sheet.text(r, c)) or ""
            pair = _LABEL.fullmatch(text)
            alone = any(sheet.text(r, k) for k in range(c + 1, len(sheet.rows[r])))
            label = pair[1] if pair and (pair[2] or alone) else text if alone and len(text) < 40 else ""
            name = words.heading_of(label) if label else None
            if name:
                yield label.strip(), name


def _group(sheet: Sheet, row: int, file: str) -> dict[str, Any] | None:
    """Where the class or group is named without a label."""
    above = [t for r in range(row) for c in range(len(sheet.rows[r])) if (t := tidy(sheet.text(r, c)))]
    for pattern in (_BEFORE, _AFTER, _ALONE):
        if any(re.fullmatch(pattern, text, re.IGNORECASE) for text in above):
            return {"pattern": pattern}
    if re.fullmatch(_ALONE, sheet.name.strip(), re.IGNORECASE) and not _NO_NAME.fullmatch(sheet.name.strip()):
        return {"where": "sheet_name"}
    if re.fullmatch(_INSIDE, PurePath(file).stem, re.IGNORECASE):
        return {"where": "file_name", "pattern": _INSIDE}
    return None


def _stands(sheet: Sheet, row: int, pattern: str) -> bool:
    """Whether a text above the table is like this."""
    texts = (tidy(sheet.text(r, c)) for r in range(row) for c in range(len(sheet.rows[r])))
    return any(re.fullmatch(pattern, text, re.IGNORECASE) for text in texts if text)


def _is_subject(name: str) -> bool:
    """Whether the name of a sheet may be that of a subject."""
    return not _NO_NAME.fullmatch(name.strip()) and len(re.findall(r"[^\W\d_]", name)) > 3
