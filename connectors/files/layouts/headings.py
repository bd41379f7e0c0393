"""What stands above a table: «Класс: 7А», «Учебный год 2024/2025», the name of a sheet or of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final

from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.files.layouts.match import fits, folded
from connectors.files.layouts.model import Heading, Layout
from connectors.files.layouts.values import Fault, Setting, Values, read_cell
from connectors.files.reading.sheets import Place, Sheet, Value, shown

_SIGNS: Final = " \t:–—-."


def read_headings(
    layout: Layout, sheet: Sheet, rows: range, file: str, kinds: Mapping[str, str], setting: Setting
) -> Values:
    """The values of the headings that stand in some rows of a sheet, in its name, or in the file's.

    A field that the kind of the table does not have (`kinds`) is passed over. The academic year is read first, since it
    supplies the year of dates.
    """
    made = Values()
    names = sorted(layout.heading, key=lambda n: (n != "academic_year", n != "dates"))
    for name in names:
        heading = layout.heading[name]
        if not set(heading.fields(name)) & kinds.keys():
            continue
        read = _read(name, heading, sheet, rows, file, kinds, setting)
        made = made.over(Values({k: v for k, v in read.said.items() if k in kinds}, read.faults))
        setting = setting.of(year_of(made, setting.year))
    return made


def year_of(values: Values, default: AcademicYear) -> AcademicYear:
    """The academic year that is named, or in which the days that are named begin."""
    year, dates = values.said.get("academic_year"), values.said.get("dates")
    if isinstance(year, AcademicYear):
        return year
    return AcademicYear.of(dates[0]) if dates else default


def stands_in(layout: Layout, sheet: Sheet, row: int) -> bool:
    """Whether a row holds a heading that has a label."""
    labels = [h for h in layout.heading.values() if h.label]
    return any(_after_label(h, sheet, row, c) is not None for h in labels for c in range(len(sheet.rows[row])))


def _read(
    name: str, heading: Heading, sheet: Sheet, rows: range, file: str, kinds: Mapping[str, str], setting: Setting
) -> Values:
    found = Values()
    for value, place in _candidates(heading, sheet, rows, file):
        read = read_cell(name, value, place, heading, kinds, setting)
        if read.said:
            return read
        if heading.label or heading.where != "cells":  # a text that only a pattern looks for may be anything
            found = read
    if not found.faults and heading.required:
        return Values({}, {name: Fault("is not there", "", Place(sheet.name, rows.start, 0))})
    return found


def _candidates(heading: Heading, sheet: Sheet, rows: range, file: str) -> Iterator[tuple[Value, Place | None]]:
    """Where the value may stand, the most likely place first: the nearest above the table."""
    if heading.value is not None:
        yield heading.value, None
    elif heading.where == "sheet_name":
        yield sheet.name, None
    elif heading.where == "file_name":
        yield PurePath(file).stem, None
    else:
        for row in reversed(rows):
            for column in range(len(sheet.rows[row])):
                if not heading.label:
                    yield sheet.cell(row, column), Place(sheet.name, row, column)
                elif (said := _after_label(heading, sheet, row, column)) is not None:
                    yield said


def _after_label(heading: Heading, sheet: Sheet, row: int, column: int) -> tuple[Value, Place] | None:
    """What follows a label: in its own cell, or in the next one to the right that is not empty."""
    text = tidy(shown(sheet.cell(row, column))) or ""
    if not text:
        return None
    if fits(text, heading.label):
        after = next((c for c in range(column + 1, len(sheet.rows[row])) if sheet.text(row, c)), None)
        return (sheet.cell(row, after), Place(sheet.name, row, after)) if after is not None else None
    for label in heading.label:
        start = re.match(
            rf"{re.escape(folded(label)).replace(re.escape('*'), '.*?')}(?=[\s:–—.-])",
            text.casefold().replace("ё", "е"),
        )
        if start and (said := text[start.end() :].lstrip(_SIGNS).rstrip()):
            return said, Place(sheet.name, row, column)
    return None
