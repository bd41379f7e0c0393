"""A report as a workbook: a sheet for each table, ready to print on A4, with real numbers."""

from __future__ import annotations

import io
import re
from datetime import date, datetime, time
from typing import Any, Final

from xlsxwriter import Workbook
from xlsxwriter.format import Format as Look
from xlsxwriter.worksheet import Worksheet

from pipelines.reporting.document import NO_DATA, Cell, Kind, Report, Row, Table, blocks, grouped_rows
from pipelines.reporting.formats import Format
from pipelines.reporting.layout import NUMBERS, heads, is_wide, label_span, lines, merged, whose, width

_FORMATS: Final[dict[Kind, str]] = {"integer": "0", "decimal": "0.00", "percent": "0.0", "date": "dd.mm.yyyy"}
_LINE: Final = 12.75
"""Points that a line of text is high."""
_CHARACTER: Final = 5.0
"""Points that a character of a heading is wide."""
_UNIT: Final = 0.85
"""What a character of this small print takes of the width that a workbook calls a character."""
_SIDE, _HEIGHT = 0.4, 0.55
"""Margins in inches."""
_A4: Final = (595.3, 841.9)
"""Points."""
_BLANK: Final = 15.0
"""Points of a row whose height is not set."""
_LITTLE_OVER: Final = 1.2
"""A table that is longer than a page by no more than this is pressed onto the page."""
_SMALLEST: Final = 55
"""Percent to which a sheet may be scaled down; a wider one goes over several pages, the first columns on each."""
_NOTES: Final = 95
"""The width of a sheet of notes."""
_NUMERAL: Final = re.compile(r"[1-9]\d{0,2}")


def write(report: Report) -> bytes:
    """The workbook. Nothing in it depends on the clock."""
    out = io.BytesIO()
    plain = {"font_name": "Arial", "font_size": 10}
    book = Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "default_format_properties": plain,
        },
    )
    made = datetime.combine(report.day, time())
    book.set_properties({"title": report.title, "subject": report.clause, "created": made})
    looks = _Looks(book)
    names: set[str] = set()
    for table in report.tables:
        sheet = book.add_worksheet(_sheet_name(table.sheet or report.title, names))
        _Page(sheet, looks, report, table).print(with_notes=len(report.tables) == 1)
    if len(report.tables) > 1 and report.notes:
        _notes_sheet(book.add_worksheet(_sheet_name("Пояснения", names)), looks, report)
    book.close()
    return out.getvalue()


def _sheet_name(wanted: str, taken: set[str]) -> str:
    """A name that a sheet may have and no other has: 31 characters, without brackets, colons, slashes and the like."""
    base = re.sub(r"[\[\]:*?/\\]", " ", wanted).strip(" '")[:31].rstrip() or "Лист"
    name, number = base, 1
    while name.casefold() in taken:
        number += 1
        name = f"{base[: 31 - len(str(number)) - 1]} {number}"
    taken.add(name.casefold())
    return name


class _Looks:
    """Cell formats, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Look] = {}

    def __call__(self, **said: Any) -> Look:
        key = tuple(sorted({"font_name": "Arial", "font_size": 9, "valign": "vcenter", **said}.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(dict(key))
        return self._made[key]

    def of_cell(self, kind: Kind, row: str) -> Look:
        said: dict[str, Any] = {"border": 1, "text_wrap": kind == "text"}
        if kind in _FORMATS:
            said["num_format"] = _FORMATS[kind]
        if kind == "text":
            said |= {"align": "left", "indent": 1}
        else:
            said["align"] = "right" if kind in NUMBERS else "center"
        if row != "row":
            said["bold"] = True
        if row == "total":
            said |= {"bg_color": "#EEEEEE", "top": 2}
        return self(**said)


class _Page:
    """One sheet while it is printed from above to below."""

    def __init__(self, sheet: Worksheet, looks: _Looks, report: Report, table: Table) -> None:
        self.sheet = sheet
        self.looks = looks
        self.report = report
        self.table = table
        self.widths = [width(c) for c in table.columns]
        self.across = sum(self.widths)
        self.last = len(table.columns) - 1
        self.at = 0
        self.heights: dict[int, float] = {}

    def print(self, *, with_notes: bool) -> None:
        self._columns()
        self._line(self.report.title, bold=True, font_size=13, align="center")
        self._line(whose(self.report), align="center", font_size=10)
        for name, value in self.report.parameters:
            self._line(f"{name}: {value}")
        if self.table.title:
            self._line(self.table.title, bold=True, font_size=10)
        self._head()
        ends = self._rows()
        if with_notes:
            self.at += 1
            for note in self.report.notes:
                self._line(note, font_size=8, font_color="#333333")
        self._signatures()
        self._paper(ends)

    def _columns(self) -> None:
        for n, characters in enumerate(self.widths):
            self.sheet.set_column(n, n, characters * _UNIT, self.looks())

    def _height(self, points: float) -> None:
        self.sheet.set_row(self.at, points)
        self.heights[self.at] = points

    def _line(self, text: str, **said: Any) -> None:
        """A line of text across the whole table."""
        look = self.looks(text_wrap=True, **said)
        size = said.get("font_size", 9)
        room = int(self.across * (0.85 if said.get("bold") else 1.0) * 9 / size)
        self._height(lines(text, room) * _LINE * max(size, 9) / 9 + 1.5)
        if self.last:
            self.sheet.merge_range(self.at, 0, self.at, self.last, "", look)
        self.sheet.write_string(self.at, 0, text, look)
        self.at += 1

    def _head(self) -> None:
        upper, lower = heads(self.table)
        self.first_head = self.at
        for row, cells in enumerate(r for r in (upper, lower) if r):
            tall = 1.0
            for head in cells:
                look = self.looks(border=1, align="center", text_wrap=True, bg_color="#EEEEEE", font_size=8,
                                  rotation=90 if head.upright else 0)  # fmt: skip
                last_row, last = self.at + row + head.rows - 1, head.first + head.columns - 1
                if last_row > self.at + row or head.columns > 1:
                    self.sheet.merge_range(self.at + row, head.first, last_row, last, head.text, look)
                else:
                    self.sheet.write_string(self.at + row, head.first, head.text, look)
                room = sum(self.widths[head.first : last + 1])
                tall = max(tall, _tallness(head.text, room, upright=head.upright) / head.rows)
            self.sheet.set_row(self.at + row, tall * _LINE + 3)
            self.heights[self.at + row] = tall * _LINE + 3
        self.at += 2 if lower else 1
        self.first_row = self.at
        fixed = 0
        while fixed <= self.last and self.table.columns[fixed].fixed:
            fixed += 1
        self.fixed = fixed
        self.sheet.freeze_panes(self.at, fixed)

    def _rows(self) -> list[int]:
        """Prints the rows; gives the places where a page may end."""
        ends = []
        if not self.table.rows:
            self._line(self.table.empty)
        for heading, rows in grouped_rows(self.table.rows):
            if heading:
                self._line(heading, bold=True, border=1, bg_color="#F6F6F6", indent=1)
            for block in blocks(rows):
                self._block(block)
                ends.append(self.at)
        return ends

    def _block(self, block: list[Row]) -> None:
        top = self.at
        columns = self.table.columns
        for row in block:
            tall = 1
            label = label_span(row)
            if label > 1:
                self.sheet.merge_range(self.at, 0, self.at, label - 1, "", self.looks.of_cell("text", row.kind))
            for n, cell in enumerate(row.cells):
                if 0 < n < label:
                    continue
                look = self.looks.of_cell(columns[n].kind, row.kind)
                if not merged(columns, n, len(block)):
                    self._write(self.at, n, cell, columns[n].kind, look)
                    if isinstance(cell, str) and columns[n].kind == "text":
                        tall = max(tall, lines(cell, self._room(n, label if n == 0 else n + 1)))
                elif self.at == top:
                    self.sheet.merge_range(top, n, top + len(block) - 1, n, "", look)
                    self._write(top, n, cell, columns[n].kind, look)
            self._height(tall * _LINE)
            self.at += 1

    def _room(self, first: int, end: int) -> int:
        """Characters that surely fit beside each other in the columns from `first` up to `end`."""
        return max(1, int((sum(self.widths[first:end]) - 1) * 0.88))

    def _write(self, row: int, column: int, cell: Cell, kind: Kind, look: Look) -> None:
        match cell:
            case None:
                self.sheet.write_blank(row, column, None, look)
            case str() if kind == "mark" and _NUMERAL.fullmatch(cell):
                self.sheet.write_number(row, column, int(cell), look)
            case str():
                self.sheet.write_string(row, column, cell, look)
            case date():
                self.sheet.write_datetime(row, column, datetime.combine(cell, time()), look)
            case int() | float():
                self.sheet.write_number(row, column, cell, look)
            case _:
                grey = self.looks(border=1, align="center", shrink=True, font_color="#666666", font_size=8)
                self.sheet.write_string(row, column, NO_DATA.value, grey)

    def _signatures(self) -> None:
        self.at += 1
        self._line("Дата составления: «____» ____________________ 20____ г.")
        for who in self.report.signatures:
            self.at += 1
            places = f"подпись {'_' * 18}   расшифровка подписи {'_' * 26}"
            if len(who) + len(places) < self.across:
                self._line(f"{who}   {places}")
            else:
                self._line(who)
                self._line(places)

    def _paper(self, ends: list[int]) -> None:
        sheet = self.sheet
        wide = is_wide(self.table)
        sheet.set_paper(9)
        if wide:
            sheet.set_landscape()
        sheet.set_margins(left=_SIDE, right=_SIDE, top=_HEIGHT, bottom=_HEIGHT)
        sheet.set_footer(f"&L&7{self.report.title.replace('&', '&&')}&R&7стр. &P из &N")
        sheet.repeat_rows(self.first_head, self.first_row - 1)
        if self.fixed:
            sheet.repeat_columns(0, self.fixed - 1)
        sheet.print_area(0, 0, self.at - 1, self.last)
        across, height = (
            side - 144 * margin for side, margin in zip(sorted(_A4, reverse=wide), (_SIDE, _HEIGHT), strict=True)
        )
        scale = int(97 * across / sum(_points(w) for w in self.widths))
        if scale >= _SMALLEST and not any(row.block for row in self.table.rows):
            over = sum(self.heights.get(row, _BLANK) for row in range(self.at)) / (100 * height / min(100, scale))
            sheet.fit_to_pages(1, 1 if 1 < over <= _LITTLE_OVER else 0)
            return
        scale = max(_SMALLEST, min(100, scale))
        sheet.set_print_scale(scale)
        sheet.set_h_pagebreaks(self._breaks(ends, 100 * height / scale))

    def _breaks(self, ends: list[int], page: float) -> list[int]:
        """Where pages end so that no block is parted; `page` is how many points of rows one holds."""
        repeated = sum(self.heights[row] for row in range(self.first_head, self.first_row))
        breaks: list[int] = []
        used = sum(self.heights.get(row, _BLANK) for row in range(self.first_row))
        at = self.first_row
        for end in ends:
            block = sum(self.heights[row] for row in range(at, end))
            if used + block > page * 0.97:
                breaks.append(at)
                used = repeated
            used += block
            at = end
        return breaks


def _points(characters: int) -> float:
    """Points of a column that is so many characters wide."""
    return (characters * _UNIT * 7 + 5) * 0.75


def _tallness(text: str, room: int, *, upright: bool) -> float:
    """Lines of height that a heading needs; an upright one as much as it is long, up to 12 lines."""
    if upright:
        return min(12.0, 1 + len(text) * _CHARACTER / _LINE)
    return float(lines(text, max(1, room - 1)))


def _notes_sheet(sheet: Worksheet, looks: _Looks, report: Report) -> None:
    sheet.set_column(0, 0, _NOTES, looks())
    sheet.write_string(0, 0, report.title, looks(bold=True, font_size=13, text_wrap=True))
    for row, note in enumerate(report.notes, 1):
        sheet.write_string(row, 0, note, looks(text_wrap=True))
        sheet.set_row(row, lines(note, _NOTES) * _LINE + 3)
    sheet.set_paper(9)
    sheet.set_margins(left=_SIDE, right=_SIDE, top=_HEIGHT, bottom=_HEIGHT)
    sheet.fit_to_pages(1, 0)


FORMAT: Final = Format("xlsx", write, is_text=False)
