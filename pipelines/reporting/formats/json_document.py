"""A report as JSON, for other programs.

`{"report", "title", "clause", "institutions": [{"key", "name"}], "parameters": [{"name", "value"}], "day", "as_of",
"tables": [{"id", "title", "columns": [{"id", "title", "over", "kind"}], "rows": [{"kind": "row"|"subtotal"|"total", "group",
"cells": {column id: value}, "no_data": [column id]}]}], "notes", "signatures"}`. `group` is the heading (an institution) under
which a row stands. A cell is text, a number or null; those that are null because the journal cannot tell them are named in
`no_data`. Percentages are 0 to 100; numbers have at most four decimal places.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec

from pipelines.reporting.document import NO_DATA, Cell, Report, Table
from pipelines.reporting.formats import Format


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON-ready data."""
    return {
        "report": report.id,
        "title": report.title,
        "clause": report.clause,
        "institutions": [{"key": key, "name": name} for key, name in report.institutions],
        "parameters": [{"name": name, "value": value} for name, value in report.parameters],
        "day": report.day.isoformat(),
        "as_of": report.as_of.isoformat() if report.as_of else None,
        "tables": [_table(t) for t in report.tables],
        "notes": list(report.notes),
        "signatures": list(report.signatures),
    }


def _table(table: Table) -> dict[str, Any]:
    ids = [c.id for c in table.columns]
    return {
        "id": table.id,
        "title": table.title,
        "columns": [{"id": c.id, "title": c.title, "over": c.over, "kind": c.kind} for c in table.columns],
        "rows": [
            {
                "kind": row.kind,
                "group": row.group,
                "cells": {i: _value(cell) for i, cell in zip(ids, row.cells, strict=True)},
                "no_data": [i for i, cell in zip(ids, row.cells, strict=True) if cell is NO_DATA],
            }
            for row in table.rows
        ],
    }


def _value(cell: Cell) -> Any:
    if cell is NO_DATA:
        return None
    if isinstance(cell, date):
        return cell.isoformat()
    return round(cell, 4) if isinstance(cell, float) else cell


def write(report: Report) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(as_data(report)), indent=2) + b"\n"


FORMAT: Final = Format("json", write)
