"""Applies a layout to a file: the pages it holds, each with its headings, its lines and their cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from canonical.years import AcademicYear
from connectors.files.layouts.across import AcrossColumn, columns_across
from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.finding import Fit, FoundTable
from connectors.files.layouts.headings import read_headings, stands_in, year_of
from connectors.files.layouts.match import fits
from connectors.files.layouts.model import Column, Layout, Table
from connectors.files.layouts.values import Setting, Values, read_cell
from connectors.files.reading.sheets import Place, Sheet, Value, Workbook, shown

_OF_ONE_PUPIL: Final = frozenset(
    {"student", "family_name", "given_name", "patronymic", "student_key", "birth_date", "sex", "snils"}
)


@dataclass(frozen=True, slots=True)
class PageCell:
    """A cell below a column across, as it was read."""

    across: AcrossColumn
    place: Place
    values: Values
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a page. `texts` is what its cells show, for a person who looks at what could not be read."""

    place: Place
    values: Values
    cells: tuple[PageCell, ...]
    texts: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """A table of a file with what its headings say. `unknown` names columns that no field takes."""

    table: Table
    place: Place
    heading: Values
    year: AcademicYear
    across: tuple[AcrossColumn, ...] = ()
    lines: list[Line] = field(default_factory=list)
    unknown: tuple[str, ...] = ()


def read_pages(fitted: Fit, book: Workbook, file: str, setting: Setting) -> list[Page]:
    """The pages of a file in which a layout has found its tables; `file` is the file's name."""
    pages: list[Page] = []
    for sheet in book.sheets:
        here = sorted((f for f in fitted.found if f.sheet is sheet), key=lambda f: (f.row, f.number))
        pages.extend(_pages_of(fitted.layout, sheet, here, file, setting))
    return pages


def _pages_of(layout: Layout, sheet: Sheet, found: Sequence[FoundTable], file: str, setting: Setting) -> Iterator[Page]:
    """The pages of one sheet. What stands above a table holds for the next ones as well, save whose it is."""
    above: dict[str, Values] = {}
    after = 0
    for n, one in enumerate(found):
        kinds = KINDS[one.table.kind].fields
        rows = range(after if one.table.repeat else 0, one.row)
        heading = read_headings(layout, sheet, rows, file, kinds, setting)
        heading = heading.over(above.get(one.table.kind, Values()))
        above[one.table.kind] = Values({k: v for k, v in heading.said.items() if k not in _OF_ONE_PUPIL})
        inner = setting.of(year_of(heading, setting.year), heading.said.get("month"))
        table = _again(one, inner) if one.across and (inner != setting or one.table.needs_month) else one
        stop = min((f.row for f in found[n + 1 :] if f.row > one.row and _overlap(f, one)), default=len(sheet.rows))
        page = Page(
            one.table, Place(sheet.name, one.row, 0), heading, inner.year, table.across, unknown=_unknown(one, found)
        )
        after = one.start
        for row in _rows(layout, table, stop):
            after = row + 1
            page.lines.append(_line(table, row, inner, page.lines[-1] if page.lines else None))
        yield page


def _overlap(one: FoundTable, other: FoundTable) -> bool:
    """Whether two tables stand below each other, and not side by side."""
    first, second = (sorted((*t.columns.values(), *(a.column for a in t.across))) for t in (one, other))
    return first[0] <= second[-1] and second[0] <= first[-1]


def _again(one: FoundTable, setting: Setting) -> FoundTable:
    """The table once more, when its headings have said in which year its dates lie."""
    across = columns_across(one.table, one.sheet, one.row, set(one.columns.values()), setting)
    return FoundTable(one.number, one.table, one.sheet, one.row, one.columns, across)


def _unknown(one: FoundTable, others: Sequence[FoundTable]) -> tuple[str, ...]:
    """Headers of columns that no table of the layout knows; numbers of rows are none."""
    if one.table.head == 0 or (one.table.across and one.table.across.at):
        return ()
    beside = [t for t in others if t.row < one.start and one.row < t.start]
    known = {c for t in beside for c in (*t.columns.values(), *(a.column for a in t.across))}
    last = one.start - 1
    skip = (*(one.table.across.skip if one.table.across else ()), "№*")
    texts = (one.sheet.text(last, c) for c in range(len(one.sheet.rows[last])) if c not in known)
    return tuple(t for t in texts if t and not fits(t, skip))


def _rows(layout: Layout, one: FoundTable, stop: int) -> Iterator[int]:
    """The rows of a table that are records: not blank ones, sums, numbers of columns, or its header come again."""
    sheet, table = one.sheet, one.table
    header = [sheet.text(one.row, c) for c in one.columns.values()]
    for row in range(one.start, stop):
        columns = [c for c in range(len(sheet.rows[row])) if sheet.text(row, c)]
        if not columns:
            continue
        first = sheet.text(row, columns[0])
        if fits(first, table.ends) or (table.repeat and stands_in(layout, sheet, row)):
            return
        if fits(first, table.skips) or not _has_any(one, columns):
            continue
        if one.table.head and (
            [sheet.text(row, c) for c in one.columns.values()] == header or _is_numbering(sheet, row, columns, one)
        ):
            continue
        yield row


def _has_any(one: FoundTable, columns: list[int]) -> bool:
    """Whether a row says anything in the columns of the table."""
    known = {*one.columns.values(), *(a.column for a in one.across)}
    return any(c in known for c in columns)


def _is_numbering(sheet: Sheet, row: int, columns: list[int], one: FoundTable) -> bool:
    """Whether a row below the header only counts the columns: 1, 2, 3 …"""
    texts = [sheet.text(row, c) for c in columns]
    return row == one.start and len(texts) > 1 and texts == [str(n) for n in range(1, len(texts) + 1)]


def _line(one: FoundTable, row: int, setting: Setting, before: Line | None) -> Line:
    sheet, table = one.sheet, one.table
    kinds = KINDS[table.kind].fields
    values = Values()
    for name, column in table.columns.items():
        value, place = _value(one, name, column, row)
        read = read_cell(name, value, place, column, kinds, setting)
        if column.carry and before and not read.said and not read.faults:
            fields = column.fields(name)
            read = Values(
                {k: v for k, v in before.values.said.items() if k in fields},
                {k: v for k, v in before.values.faults.items() if k in fields},
            )
        values = values.over(read)
    cells = tuple(_cell(one, across, row, setting) for across in one.across)
    texts = tuple(shown(v) for v in sheet.rows[row])
    return Line(Place(sheet.name, row, next(iter(one.columns.values()), 0)), values, cells, texts)


def _value(one: FoundTable, name: str, column: Column, row: int) -> tuple[Value, Place | None]:
    if column.value is not None:
        return column.value, None
    at = one.columns.get(name)
    return (None, None) if at is None else (one.sheet.cell(row, at), Place(one.sheet.name, row, at))


def _cell(one: FoundTable, across: AcrossColumn, row: int, setting: Setting) -> PageCell:
    rules = one.table.across
    assert rules is not None  # noqa: S101 - there are columns across
    value = one.sheet.cell(row, across.column)
    place = Place(one.sheet.name, row, across.column)
    kinds = KINDS[one.table.kind].fields
    return PageCell(across, place, read_cell(rules.holds, value, place, rules, kinds, setting), shown(value))
