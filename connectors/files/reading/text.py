"""Text files: which encoding they are in, and tables with separators."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Final

from connectors.files.reading.sheets import Sheet, Value, trimmed
from connectors.files.trouble import UnreadableFileError

SEPARATORS: Final = (";", ",", "\t")


def decoded(body: bytes, encoding: str = "auto") -> str:
    """The text of a file: UTF-8 if it is that, else Windows-1251.

    Raises:
        UnreadableFileError: it is neither, or not the encoding that was named.

    """
    if b"\0" in body:
        raise UnreadableFileError("the file is neither a workbook nor a text in UTF-8 or Windows-1251")
    for name in ("utf-8-sig", "cp1251") if encoding == "auto" else (encoding.replace("utf-8", "utf-8-sig"),):
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    raise UnreadableFileError(
        f"the file is not a text in {'UTF-8 or Windows-1251' if encoding == 'auto' else encoding}"
    )


def read_csv(text: str, separator: str = "auto") -> tuple[Sheet, ...]:
    """The one sheet of a CSV file; every cell is text.

    Raises:
        UnreadableFileError: it is no CSV.

    """
    sign = _separator(text) if separator == "auto" else separator
    try:
        rows: list[list[Value]] = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign)]
    except csv.Error as error:
        raise UnreadableFileError(f"the file is no CSV: {error}") from None
    return (Sheet("csv", 1, trimmed([[_plain(cell) for cell in row] for row in rows])),)


def _plain(cell: Value) -> Value:
    return cell.strip() if isinstance(cell, str) else cell


def _separator(text: str) -> str:
    """The separator that splits the most lines into the same number of cells."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]

    def quality(sign: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=sign) if len(row) > 1)
        if not counts:
            return 0, 0
        cells, times = max(counts.items(), key=lambda c: (c[1], c[0]))
        return times, cells

    return max(SEPARATORS, key=quality)
