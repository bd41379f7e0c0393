"""The tables of a report as CSV, as the Excel of Russian staff opens it: UTF-8 with BOM, `;`, decimal comma.

The first line is the head of the first table. Where a report has several tables, each begins with its title, and an empty
line parts them. Rows that stand under headings carry the heading in a first column.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any, Final

from pipelines.reporting.document import Cell, Column, Kind, Report, Table, shown
from pipelines.reporting.formats import Format

_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?!\d*[.,]?\d*$)")


def write(report: Report) -> bytes:
    """The tables one below the other."""
    text = io.StringIO()
    out = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for number, table in enumerate(report.tables):
        if number:
            out.writerow([])
        if table.title and len(report.tables) > 1:
            out.writerow([_safe(table.title)])
        _write(out, table)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _write(out: Any, table: Table) -> None:
    out.writerow([*(["Учреждение"] if table.grouped else []), *(_head(c) for c in table.columns)])
    for row in table.rows:
        cells = (_text(cell, c.kind) for cell, c in zip(row.cells, table.columns, strict=True))
        out.writerow([*([_safe(row.group or "")] if table.grouped else []), *cells])


def _head(column: Column) -> str:
    return _safe(f"{column.over}: {column.title}" if column.over else column.title)


def _text(cell: Cell, kind: Kind) -> str:
    text = shown(cell, kind)
    return _safe(text) if isinstance(cell, str) else text


def _safe(text: str) -> str:
    """Text that a spreadsheet will not take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


FORMAT: Final = Format("csv", write)
