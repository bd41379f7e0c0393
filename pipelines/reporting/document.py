"""What a report is before it is printed: tables with typed columns, what was asked, notes, and who signs.

A report says what it shows and nothing about how: the formats (`pipelines.reporting.formats`) decide that. It holds no
moment of its making, only the day or the instant that was asked for, so that the same journal gives the same report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Final, Literal

Kind = Literal["text", "mark", "integer", "number", "decimal", "percent", "date"]
"""`mark` is what stands in a journal's cell; `number` is shown with the places that it has, `decimal` with two,
`percent` (0 to 100) with one."""

PLACES: Final = {"decimal": 2, "percent": 1}
"""Decimal places of the kinds that have them."""


class Missing(Enum):
    """A cell that the source has nothing to say for."""

    NO_DATA = "нет данных"


NO_DATA: Final = Missing.NO_DATA
Cell = str | int | float | date | Missing | None
"""Null is an empty cell: there is nothing to tell. `NO_DATA`: there may be, but the journal cannot tell it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is in characters.

    `over` is a heading shared with the neighbours that have the same one. `upright` turns the heading by a quarter.
    `fixed` columns stand again on each part of a table that is too wide for a page. `merged` ones show a value once for
    all rows of a block.
    """

    id: str
    title: str
    kind: Kind = "text"
    width: int = 8
    over: str | None = None
    upright: bool = False
    fixed: bool = False
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row, a cell for each column.

    Neighbours with the same `group` stand under one heading (an institution); neighbours with the same `block` belong
    together and are not parted by the end of a page.
    """

    cells: tuple[Cell, ...]
    kind: Literal["row", "subtotal", "total"] = "row"
    group: str | None = None
    block: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `empty` is said in the place of rows; `apart` begins a new page (in a workbook every table has a sheet)."""

    id: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str | None = None
    sheet: str | None = None
    empty: str = "Нет записей"
    apart: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"table {self.id}: {len(row.cells)} cells for {len(self.columns)} columns")

    @property
    def grouped(self) -> bool:
        """Whether its rows stand under headings."""
        return any(row.group for row in self.rows)


@dataclass(frozen=True, slots=True)
class Report:
    """A report, ready to be printed.

    `institutions` are key and name; `parameters` are name and value as they are shown; `day` is the day of which it
    speaks, `as_of` the instant if one was asked for; `notes` define what is counted; `signatures` are who signs.
    """

    id: str
    title: str
    clause: str
    institutions: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    day: date
    as_of: datetime | None
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    signatures: tuple[str, ...]


def shown(cell: Cell, kind: Kind) -> str:
    """A cell as staff read it: decimal comma, halves rounded up, days as 20.11.2026."""
    match cell:
        case None:
            return ""
        case Missing():
            return cell.value
        case date():
            return f"{cell:%d.%m.%Y}"
        case int() | float() if kind in PLACES:
            return rounded(cell, PLACES[kind]).replace(".", ",")
        case float():
            return f"{cell:.10g}".replace(".", ",")
    return str(cell)


def rounded(value: float, places: int) -> str:
    """A number with so many decimal places, halves up, as a spreadsheet shows it; decimal point."""
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def grouped_rows(rows: Sequence[Row]) -> list[tuple[str | None, list[Row]]]:
    """Rows under their headings, in order."""
    parts: list[tuple[str | None, list[Row]]] = []
    for row in rows:
        if not parts or parts[-1][0] != row.group:
            parts.append((row.group, []))
        parts[-1][1].append(row)
    return parts


def blocks(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that belong together, in order; a row without a block is one of its own."""
    parts: list[list[Row]] = []
    for row in rows:
        if parts and row.block is not None and parts[-1][0].block == row.block and parts[-1][0].kind == row.kind:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts
