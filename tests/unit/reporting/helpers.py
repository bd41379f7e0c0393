"""How the tests look at a report: by row and column, as a reader does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.reporting.asking import Asked, Request
from pipelines.reporting.catalogue import Body, find
from pipelines.reporting.document import Cell, Row, Table
from pipelines.reporting.journal import Journal


def built(name: str, *journals: Journal, **asked: Any) -> Body:
    """The body of a report on these journals."""
    return find(name).build(iter(journals), Asked(Request(**asked)))


def cells(table: Table, row: Row) -> dict[str, Cell]:
    return {c.id: cell for c, cell in zip(table.columns, row.cells, strict=True)}


def line(table: Table, *start: Cell) -> dict[str, Cell]:
    """The one row that begins so."""
    found = [r for r in table.rows if r.cells[: len(start)] == start]
    assert len(found) == 1, [r.cells for r in table.rows]
    return cells(table, found[0])


def only(table: Table, names: Sequence[str], row: dict[str, Cell]) -> tuple[Cell, ...]:
    assert set(names) <= {c.id for c in table.columns}
    return tuple(row[n] for n in names)
