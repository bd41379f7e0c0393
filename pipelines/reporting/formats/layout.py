"""What the printed formats share: the head of a table in two rows, the page, and tables that are too wide for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from pipelines.reporting.document import Column, Kind, Report, Table

PORTRAIT: Final = 100
"""Characters that fit across an upright A4 page."""
LANDSCAPE: Final = 175
"""Characters that fit across a page on its side, in the small print of a wide table."""

NUMBERS: Final[frozenset[Kind]] = frozenset({"integer", "number", "decimal", "percent"})


@dataclass(frozen=True, slots=True)
class Head:
    """One cell of a table's head: its text, the columns it spans from `first`, and whether it fills both rows."""

    text: str
    first: int
    columns: int
    rows: int
    upright: bool = False


def is_wide(report: Report) -> bool:
    """Whether the report is printed on pages on their side."""
    return any(t.width > PORTRAIT for t in report.tables)


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


def parts(table: Table, width: int) -> Iterator[Table]:
    """The table, or its parts no wider than `width` characters, each with the fixed columns in front."""
    if table.width <= width:
        yield table
        return
    fixed = [n for n, c in enumerate(table.columns) if c.fixed]
    room = width - sum(table.columns[n].width for n in fixed)
    chosen: list[int] = []
    number = 1
    for n in [n for n in range(len(table.columns)) if n not in fixed] + [-1]:
        full = n < 0 or sum(table.columns[c].width for c in chosen) + table.columns[n].width > room
        if full and chosen:
            yield _part(table, [*fixed, *chosen], number)
            number += 1
            chosen = []
        chosen.append(n)


def _part(table: Table, kept: list[int], number: int) -> Table:
    columns = tuple(table.columns[n] for n in kept)
    rows = tuple(replace(row, cells=tuple(row.cells[n] for n in kept)) for row in table.rows)
    title = table.title if number == 1 else f"{table.title or ''} (продолжение {number})".strip()
    return replace(table, columns=columns, rows=rows, title=title, apart=table.apart if number == 1 else True)


def lines(text: str, width: int) -> int:
    """How many lines a text takes in so many characters, broken between words."""
    count, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > width:
            count += 1
            used = 0
        used += (1 if used else 0) + len(word)
        while used > width > 0:
            count += 1
            used -= width
    return count


def merged(columns: tuple[Column, ...], index: int, block: int) -> bool:
    """Whether a column shows one value for a block of so many rows."""
    return block > 1 and columns[index].merged
