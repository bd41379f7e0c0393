"""Finds the tables of a layout on the sheets of a file, by their header rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from connectors.files.layouts.across import AcrossColumn, columns_across
from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.headings import read_headings
from connectors.files.layouts.match import fits, folded
from connectors.files.layouts.model import Column, Layout, Table
from connectors.files.layouts.values import Setting
from connectors.files.reading.sheets import Sheet, Workbook, column_of

_STAR: Final = "*"


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table of a layout on a sheet. `row` is its first header row, `start` its first row below the header."""

    number: int
    table: Table
    sheet: Sheet
    row: int
    columns: dict[str, int]
    across: tuple[AcrossColumn, ...] = ()

    @property
    def start(self) -> int:
        return self.row + self.table.head


@dataclass(slots=True)
class Fit:
    """How a layout fits a file: the tables that were found, and for each that was not, why."""

    layout: Layout
    found: list[FoundTable] = field(default_factory=list)
    headings: int = 0
    lacking: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.lacking and bool(self.found)

    @property
    def score(self) -> tuple[bool, int]:
        """The larger, the better it fits: columns that were recognised in the tables that a layout names, and headings."""
        best: dict[int, int] = {}
        for one in self.found:
            best[one.number] = max(best.get(one.number, 0), len(one.columns) * 2 + bool(one.across) * 3)
        return self.good, sum(best.values()) + self.headings


LONG_MONTH: Final = 10
"""A month that has every day, while it is not known which one it is."""


def fit(layout: Layout, book: Workbook, file: str, setting: Setting) -> Fit:
    """Looks for the tables of a layout in a file, whose name is `file`."""
    made = Fit(layout)
    if layout.file.formats and book.format not in layout.file.formats:
        made.lacking.append(f"it is for {', '.join(layout.file.formats)}, the file is {book.format}")
        return made
    for number, table in enumerate(layout.table):
        sheets = [s for s in book.sheets if _is_meant(table, s)]
        looking = setting.of(setting.year, LONG_MONTH) if table.needs_month else setting
        found = [one for sheet in sheets for one in find_table(number, table, sheet, looking)]
        made.found.extend(found)
        if not found and not table.optional:
            made.lacking.append(_why_not(number, table, sheets))
        elif found:
            lacks, headings = min((_headings(layout, one, file, setting) for one in found), key=lambda h: (h[0], -h[1]))
            made.headings += headings
            if lacks and not table.optional:
                made.lacking.append(f"table[{number + 1}] ({table.kind}): above it nothing says {', '.join(lacks)}")
    return made


def _headings(layout: Layout, one: FoundTable, file: str, setting: Setting) -> tuple[list[str], int]:
    """What the headings of a table ought to say and do not, and how many say something."""
    kind = KINDS[one.table.kind]
    said = read_headings(layout, one.sheet, range(one.row), file, kind.fields, setting).said
    given = {f for name in one.columns for f in one.table.columns[name].fields(name)} | said.keys()
    given |= {f for n, c in one.table.columns.items() if c.value is not None for f in c.fields(n)}
    given |= set(one.table.across.fields()) if one.table.across else set()
    lacks = [" or ".join(needed) for needed in kind.needs if not given & set(needed)]
    lacks += [n for n, h in layout.heading.items() if h.required and n in kind.fields and n not in said]
    return list(dict.fromkeys(lacks)), len(said)


def _is_meant(table: Table, sheet: Sheet) -> bool:
    if table.sheet is None:
        return True
    return sheet.number == table.sheet if isinstance(table.sheet, int) else fits(sheet.name, [table.sheet])


def find_table(number: int, table: Table, sheet: Sheet, setting: Setting) -> Iterator[FoundTable]:
    """The places of a sheet where a table begins: the first, or every one of a table that is repeated."""
    if table.header == 0:
        columns = {n: column_of(c.at) for n, c in table.columns.items() if c.at}
        if sheet.rows:
            yield FoundTable(number, table, sheet, 0, columns)
        return
    rows = range(len(sheet.rows)) if table.header is None else range(table.header - 1, table.header)
    below = -1
    for row in rows:
        if row < below:
            continue
        one = _at(number, table, sheet, row, setting)
        if one:
            yield one
            if not table.repeat:
                return
            below = one.start


def _at(number: int, table: Table, sheet: Sheet, row: int, setting: Setting) -> FoundTable | None:
    columns = header_columns(table, sheet, row)
    if any(name not in columns for name, c in table.columns.items() if c.value is None and table.is_required(name)):
        return None
    if table.across is None:
        named = any(table.columns[name].header for name in columns)
        return FoundTable(number, table, sheet, row, columns) if named or table.header else None
    across = columns_across(table, sheet, row, set(columns.values()), setting)
    return FoundTable(number, table, sheet, row, columns, across) if any(not a.values.faults for a in across) else None


def header_columns(table: Table, sheet: Sheet, row: int) -> dict[str, int]:
    """Which named columns stand where, if the header begins at this row; each takes a column of its own."""
    texts = _header_texts(sheet, row, table.head)
    taken: dict[str, int] = {}
    for name, column in table.columns.items():
        at = column_of(column.at) if column.at else _where(column, texts, set(taken.values()))
        if at is not None:
            taken[name] = at
    return taken


def _header_texts(sheet: Sheet, row: int, head: int) -> dict[str, list[int]]:
    """The texts of header rows, each row's own and all of a column's together, with their columns."""
    texts: dict[str, list[int]] = {}
    for column in range(max((len(sheet.rows[r]) for r in range(row, min(row + head, len(sheet.rows)))), default=0)):
        own = list(dict.fromkeys(t for r in range(row, row + head) if (t := folded(sheet.text(r, column)))))
        for text in dict.fromkeys((*own, " ".join(own))):
            if text:
                texts.setdefault(text, []).append(column)
    return texts


def _where(column: Column, texts: dict[str, list[int]], taken: set[int]) -> int | None:
    for pattern in column.header:
        plain = folded(pattern)
        hits = (
            [c for t, cs in texts.items() if fits(t, [pattern]) for c in cs]
            if _STAR in pattern
            else texts.get(plain, [])
        )
        free = sorted(c for c in hits if c not in taken)
        if free:
            return free[0]
    return None


def _why_not(number: int, table: Table, sheets: Sequence[Sheet]) -> str:
    """What the row lacks that comes nearest to the table's header."""
    what = f"table[{number + 1}] ({table.kind})"
    if not sheets:
        return f"{what}: there is no sheet {table.sheet!r}"
    needed = [n for n, c in table.columns.items() if c.header and table.is_required(n)]
    best: tuple[int, str] = (-1, "")
    for sheet in sheets:
        for row in range(len(sheet.rows)):
            columns = header_columns(table, sheet, row)
            hits = [n for n in needed if n in columns]
            if len(hits) <= best[0]:
                continue
            missing = [" / ".join(table.columns[n].header) for n in needed if n not in columns]
            if not missing and table.across:
                missing = [f"columns across with {', '.join(table.across.rows)} above them"]
            best = len(hits), f"row {row + 1} of sheet {sheet.name!r} lacks {'; '.join(missing)}"
    return f"{what}: {best[1] or 'the file has no rows'}" if best[0] else f"{what}: no row has any of its columns"
