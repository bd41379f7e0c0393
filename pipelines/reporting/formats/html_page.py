"""A report as one self-contained page that prints on A4: heads repeated on every sheet, a place to sign at the end."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pipelines.reporting.document import NO_DATA, Kind, Report, Table, blocks, grouped_rows, shown
from pipelines.reporting.formats import Format
from pipelines.reporting.layout import (
    LANDSCAPE,
    NUMBERS,
    PORTRAIT,
    heads,
    is_wide,
    label_span,
    merged,
    parts,
    whose,
    width,
)

_SPREAD: Final = 0.55
"""A table that fills more of a page than this is spread over all of it."""
_MARKS: Final = frozenset({"mark", "date"})


def write(report: Report) -> bytes:
    """The report as HTML; needs nothing from elsewhere."""
    wide = any(map(is_wide, report.tables))
    page = LANDSCAPE if wide else PORTRAIT
    tables = [_table(part, page) for table in report.tables for part in parts(table, page)]
    return _template().render(report=report, whose=whose(report), wide=wide, tables=tables).encode()


@cache
def _template() -> Template:
    loader = PackageLoader("pipelines.reporting.formats", ".")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("page.html.j2")


def _table(table: Table, page: int) -> dict[str, Any]:
    upper, lower = heads(table)
    widths = [width(c) for c in table.columns]
    return {
        "title": table.title,
        "apart": table.apart,
        "empty": table.empty,
        "share": 100 if sum(widths) > page * _SPREAD else round(100 * sum(widths) / page),
        "widths": [round(100 * w / sum(widths), 2) for w in widths],
        "columns": len(table.columns),
        "heads": [row for row in (upper, lower) if row],
        "bodies": [_body(table, heading, rows) for heading, rows in grouped_rows(table.rows)],
    }


def _body(table: Table, heading: str | None, rows: list[Any]) -> dict[str, Any]:
    made = []
    for block in blocks(rows):
        lines = []
        for place, row in enumerate(block):
            cells = [
                {
                    "text": shown(cell, table.columns[n].kind),
                    "look": "q" if cell is NO_DATA else _look(table.columns[n].kind),
                    "rows": len(block) if merged(table.columns, n, len(block)) else 1,
                    "columns": label_span(row) if n == 0 else 1,
                }
                for n, cell in enumerate(row.cells)
                if (place == 0 or not merged(table.columns, n, len(block))) and (n == 0 or n >= label_span(row))
            ]
            lines.append({"kind": row.kind, "cells": cells})
        made.append(lines)
    return {"heading": heading, "blocks": made}


def _look(kind: Kind) -> str:
    if kind in NUMBERS:
        return "n"
    return "c" if kind in _MARKS else ""


FORMAT: Final = Format("html", write)
