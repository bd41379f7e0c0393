"""What every reader gives, whatever the format: sheets of cells that know their types and their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from connectors.files.trouble import UnreadableFileError

MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read, and the most that a compressed one may grow to is four times this."""

MOST_CELLS: Final = 4_000_000
"""The most cells of one file; a journal of a class for a year has some ten thousand."""

MOST_COLUMNS: Final = 2_000


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell that shows an error in place of a value: `#REF!`."""

    text: str


Value = str | int | float | bool | datetime | date | time | CellError | None
"""What a cell holds; an empty one null. Formulas are never computed: a cell has the value that was saved with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cell: the sheet's name, row and column counted from 0."""

    sheet: str
    row: int
    column: int

    @property
    def name(self) -> str:
        """`C7`"""
        return f"{letters(self.column)}{self.row + 1}"

    def __str__(self) -> str:
        return f"sheet {self.sheet!r}, row {self.row + 1}, column {letters(self.column)}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, or a table of a page. Rows may differ in length; of merged cells the first has the value."""

    name: str
    number: int
    rows: list[list[Value]]

    def cell(self, row: int, column: int) -> Value:
        """The value of a cell; null outside of the sheet."""
        if not 0 <= row < len(self.rows):
            return None
        return self.rows[row][column] if column < len(self.rows[row]) else None

    def text(self, row: int, column: int) -> str:
        """What a cell shows; nothing outside of the sheet."""
        return shown(self.cell(row, column))

    @property
    def width(self) -> int:
        return max(map(len, self.rows), default=0)


@dataclass(frozen=True, slots=True)
class Workbook:
    """A file as its reader sees it. `format` is what it really is: xlsx, xls, ods, csv, html or xml."""

    format: str
    sheets: tuple[Sheet, ...]


def letters(column: int) -> str:
    """`A` of 0, `AA` of 26."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def column_of(name: str) -> int:
    """0 of `A`, 26 of `AA`."""
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def shown(value: Value) -> str:
    """What people see in a cell: whole numbers without a point, days as `05.09.2026`."""
    match value:
        case None:
            text = ""
        case bool():
            text = "да" if value else "нет"
        case float() if value.is_integer():
            text = str(int(value))
        case datetime() if value.time() != time():
            text = value.strftime("%d.%m.%Y %H:%M")
        case date():
            text = value.strftime("%d.%m.%Y")
        case time():
            text = value.strftime("%H:%M")
        case CellError():
            text = value.text
        case _:
            text = str(value).strip()
    return text


def bounded(rows: Iterable[list[Value]]) -> Iterator[list[Value]]:
    """Rows without the empty cells at their ends, as long as they are not too many.

    Raises:
        UnreadableFileError: there are more than a file of a journal can have.

    """
    cells = 0
    for row in rows:
        while row and (row[-1] is None or row[-1] == ""):
            row.pop()
        cells += len(row) + 1
        if cells > MOST_CELLS or len(row) > MOST_COLUMNS:
            raise UnreadableFileError(
                f"a sheet is too large: more than {MOST_CELLS} cells or {MOST_COLUMNS} columns; split the file"
            )
        yield row


def trimmed(rows: Iterable[list[Value]]) -> list[list[Value]]:
    """Rows within bounds, without the empty ones at the end; empty text is null."""
    made = [[None if cell == "" else cell for cell in row] for row in bounded(rows)]
    while made and not made[-1]:
        made.pop()
    return made
