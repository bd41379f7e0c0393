"""What the printed formats share: the head of a table in two rows, the page, and tables that are too wide for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from pipelines.reporting.document import Column, Kind, Report, Row, Table

PORTRAIT: Final = 125
"""Characters, with the space around cells, that fit across an upright A4 page."""
LANDSCAPE: Final = 190
"""Characters that fit across a page on its side."""
_FEW: Final = 3
"""Institutions that are all named above a report."""

NUMBERS: Final[frozenset[Kind]] = frozenset({"integer", "number", "decimal", "percent"})


@dataclass(frozen=True, slots=True)
class Head:
    """One cell of a table's head: its text, the columns it spans from `first`, and whether it fills both rows."""

    text: str
    first: int
    columns: int
    rows: int
    upright: bool = False


def whose(report: Report) -> str:
    """The line below the title: the institutions, or how many there are."""
    names = [name for _, name in report.institutions]
    return "; ".join(names) if len(names) <= _FEW else f"Сводный отчёт: учреждений — {len(names)}"


def width(column: Column) -> int:
    """Characters of a column with the space around them; a heading's words are not parted."""
    word = 0 if column.upright else max(len(w) for w in column.title.split())
    return max(column.width, word) + 1


def is_wide(table: Table) -> bool:
    """Whether a table needs a page on its side."""
    return sum(map(width, table.columns)) > PORTRAIT


def label_span(row: Row) -> int:
    """How many columns the label of a total fills: its own and the empty ones behind it."""
    if row.kind == "row":
        return 1
    rest = next((n for n, cell in enumerate(row.cells[1:], 1) if cell is not None), len(row.cells))
    return rest if row.cells[0] is not None else 1


def heads(table: Table) -> tuple[list[Head], list[Head]]:
    """The upper and the lower row of a table's head; the lower is empty where no columns share a heading."""
    two = any(c.over for c in table.columns)
    upper: list[Head] = []
    lower: list[Head] = []
    place = 0
    for over, several in groupby(table.columns, key=lambda c: c.over):
        columns = list(several)
        if over:
            upper.append(Head(over, place, len(columns), 1))
            lower += [Head(c.title, place + n, 1, 1, c.upright) for n, c in enumerate(columns)]
        else:
            upper += [Head(c.title, place + n, 1, 1 + two, c.upright) for n, c in enumerate(columns)]
        place += len(columns)
    return upper, lower


def parts(table: Table, page: int) -> Iterator[Table]:
    """The table, or its parts no wider than a page of so many characters, each with the fixed columns in front."""
    widths = [width(c) for c in table.columns]
    if sum(widths) <= page:
        yield table
        return
    fixed = [n for n, c in enumerate(table.columns) if c.fixed]
    room = page - sum(widths[n] for n in fixed)
    several: list[list[int]] = [[]]
    for n in (n for n in range(len(widths)) if n not in fixed):
        if several[-1] and sum(widths[c] for c in several[-1]) + widths[n] > room:
            several.append([])
        several[-1].append(n)
    for number, chosen in enumerate(several, 1):
        yield _part(table, [*fixed, *chosen], number)


def _part(table: Table, kept: list[int], number: int) -> Table:
    columns = tuple(table.columns[n] for n in kept)
    rows = tuple(replace(row, cells=tuple(row.cells[n] for n in kept)) for row in table.rows)
    title = table.title if number == 1 else f"{table.title or ''} (продолжение {number})".strip()
    return replace(table, columns=columns, rows=rows, title=title, apart=table.apart if number == 1 else True)


def lines(text: str, room: int) -> int:
    """How many lines a text takes in so many characters, broken between words."""
    count, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > room:
            count += 1
            used = 0
        used += (1 if used else 0) + len(word)
        while used > room > 0:
            count += 1
            used -= room
    return count


def merged(columns: tuple[Column, ...], index: int, block: int) -> bool:
    """Whether a column shows one value for a block of so many rows."""
    return block > 1 and columns[index].merged
