"""The pages of the pupils' reports, read with lxml by their labels (portal facts B4.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from lxml import html
from lxml.etree import ParserError
from lxml.html import HtmlElement

from canonical.text import tidy
from connectors.asurso.school.forms import printed_date
from connectors.asurso.values import folded
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer

_MONTHS: Final = (
    "январ",
    "феврал",
    "март",
    "апрел",
    "ма",
    "июн",
    "июл",
    "август",
    "сентябр",
    "октябр",
    "ноябр",
    "декабр",
)
_MARK: Final = re.compile(r"[0-9][+-]?|[.•·]")
_TOKEN: Final = re.compile(r"[A-Za-zА-ЯЁа-яё]+(?:/[A-Za-zА-ЯЁа-яё]+)?|[0-9][+-]?|[.•·]|[^\s]")


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one cell of `studenttotal`: marks as they are printed, and codes of attendance in capitals."""

    subject: str
    day: date
    marks: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """One row of `studentgrades`: a mark with the day on which it was entered."""

    kind: str
    topic: str
    lesson: date
    entered: date
    mark: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `studenttotalmarks`: a period of the year by what stands above it, or the year's own marks.

    `kind` is `period`, `year`, `exam` or `final`; `above` is the text of all its headings, `number` the number in it.
    """

    kind: str
    above: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Total:
    """One row of `studenttotalmarks`: what stands in each column, null where it is empty."""

    subject: str
    cells: tuple[tuple[Column, str | None], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is not one of its table: why, and what it holds."""

    reason: str
    cells: tuple[str | None, ...]


# -- studenttotal ----------------------------------------------------------------------------------------------------


def attendance_and_marks(answer: Answer, since: date, until: date) -> tuple[list[Cell], list[Broken]]:
    """The cells of `studenttotal` that are not empty, of days between two dates.

    Raises:
        UnexpectedAnswerError: the page holds no such table.

    """
    where = answer.origin.request
    page = _page(answer)
    table = _table(page, "предмет")
    if table is None:
        return _nothing(page, where), []
    first = _first_year(page) or (since.year if since.month >= 9 else since.year - 1)
    rows = list(_rows(table))
    at = next((n for n, row in enumerate(rows) if folded(_text(row[0])) == "предмет"), None)
    if at is None or not any(_month(_text(cell)) for cell in rows[at][1:]):
        return [], []  # days without lessons have no column
    if at + 1 >= len(rows):
        raise UnexpectedAnswerError(f"{where}: the table has no days")
    days = _days(rows[at], rows[at + 1], first, where)
    cells: list[Cell] = []
    broken: list[Broken] = []
    for row in rows[at + 2 :]:
        subject = _text(row[0])
        if subject is None or len(row) <= 2:
            continue
        if len(row) < len(days) + 1:
            broken.append(Broken("the row has fewer cells than there are days", tuple(_text(c) for c in row)))
            continue
        for on, cell in zip(days, row[1:], strict=False):
            said = _text(cell)
            if said and since <= on <= until:
                cells.append(_cell(subject, on, said))
    return cells, broken


def _cell(subject: str, on: date, said: str) -> Cell:
    marks: list[str] = []
    codes: list[str] = []
    for token in _TOKEN.findall(said):
        if _MARK.fullmatch(token):
            marks.append(token)
        elif token[0].isalpha():
            codes.append(token.upper())
    return Cell(subject, on, tuple(marks), tuple(codes))


def _days(months: Sequence[HtmlElement], numbers: Sequence[HtmlElement], first: int, where: str) -> list[date]:
    """The date of each column of days: from September on of the first calendar year, before it of the second."""
    found: list[date] = []
    left = [_text(n) for n in numbers]
    for heading in months[1:]:
        month = _month(_text(heading))
        if month is None:
            continue
        for _ in range(_span(heading, "colspan")):
            number = left.pop(0) if left else None
            try:
                on = date(first if month >= 9 else first + 1, month, int(number or ""))
            except ValueError:
                raise UnexpectedAnswerError(f"{where}: a column of the table is of no day") from None
            found.append(on)
    return found


def _month(text: str | None) -> int | None:
    said = folded(text)
    if not said.isalpha():
        return None
    found = [n for n, start in enumerate(_MONTHS, 1) if said.startswith(start)]
    return max(found, key=lambda n: len(_MONTHS[n - 1])) if found else None


def _first_year(page: HtmlElement) -> int | None:
    """The calendar year in which the school year begins, by the labels above the table."""
    said = labels(page)
    years = re.findall(r"\d{4}", said.get("учебный год", ""))
    if years:
        return int(years[0])
    printed = [printed_date(p) for p in re.findall(r"\d{1,2}\.\d{1,2}\.\d{2,4}", said.get("период", ""))]
    return next((p.year if p.month >= 9 else p.year - 1 for p in printed if p), None)


def labels(page: HtmlElement) -> dict[str, str]:
    """The lines above a table, `Ученик: Учеников Макар`, by their label without its colon, folded."""
    found: dict[str, str] = {}
    for mark in page.iter("b", "strong"):
        name = _text(mark)
        holder = mark.getparent()
        if name and name.endswith(":") and holder is not None:
            whole = _text(holder) or ""
            found.setdefault(folded(name[:-1]), whole.partition(name)[2].strip() or tidy(mark.tail) or "")
    return found


# -- studentgrades ---------------------------------------------------------------------------------------------------


def entries(answer: Answer) -> tuple[list[Given], list[Broken]]:
    """The marks of `studentgrades`, its totals left out.

    Raises:
        UnexpectedAnswerError: the page holds no such table.

    """
    where = answer.origin.request
    page = _page(answer)
    table = _table(page, "тип задания")
    if table is None:
        return _nothing(page, where), []
    rows = list(_rows(table))
    places: dict[str, int] = {}
    found: list[Given] = []
    broken: list[Broken] = []
    for row in rows:
        said = [_text(cell) for cell in row]
        names = [folded(s) for s in said]
        if not places:
            places = _places(names)
            continue
        if len(said) <= max(places.values()):
            continue
        lesson, entered = (printed_date(said[places[n]] or "") for n in ("lesson", "entered"))
        kind, mark = said[places["kind"]], said[places["mark"]]
        if lesson and entered and mark:
            found.append(Given(kind or "", said[places["topic"]] or "", lesson, entered, mark))
        elif kind and mark:
            broken.append(Broken("a date is none", tuple(said)))
    if not places:
        raise UnexpectedAnswerError(f"{where}: the table does not say which column is which")
    return found, broken


_HEADINGS: Final = (
    ("kind", ("тип",)),
    ("topic", ("тема",)),
    ("lesson", ("дата", "проведен")),
    ("entered", ("дата", "выставлен")),
)


def _places(names: Sequence[str]) -> dict[str, int]:
    """Which column is which, by the words above it; nothing where not all are there."""
    found = {
        what: next((n for n, name in enumerate(names) if all(w in name for w in words)), -1)
        for what, words in _HEADINGS
    }
    found["mark"] = next((n for n, name in enumerate(names) if name in {"отметка", "оценка"}), -1)
    return found if min(found.values()) >= 0 else {}


# -- studenttotalmarks -----------------------------------------------------------------------------------------------


def totals(answer: Answer) -> tuple[list[Total], list[Broken]]:
    """The rows of `studenttotalmarks`.

    Raises:
        UnexpectedAnswerError: the page holds no such table.

    """
    where = answer.origin.request
    page = _page(answer)
    table = _table(page, "предмет")
    if table is None:
        return _nothing(page, where), []
    rows = list(_rows(table))
    data = [row for row in rows if _is_numbered(row)]
    heads = rows[: rows.index(data[0])] if data else rows
    columns = _columns(heads)
    found: list[Total] = []
    broken: list[Broken] = []
    for row in data:
        said = tuple(_text(cell) for cell in row)
        if len(said) != len(columns) + 2 or said[1] is None:
            broken.append(Broken("the row has another number of cells than the table has columns", said))
            continue
        found.append(Total(said[1], tuple(zip(columns, said[2:], strict=True))))
    return found, broken


def _is_numbered(row: Sequence[HtmlElement]) -> bool:
    """Whether a row begins with its number and a subject; the numbers of terms stand in a row of their own above."""
    first, second = (_text(cell) or "" for cell in (*row[:2], *row[:1])[:2])
    return len(row) > 2 and first.rstrip(".").isdecimal() and not second.isdecimal()


def _columns(heads: Sequence[Sequence[HtmlElement]]) -> list[Column]:
    """The columns after number and subject, with all that stands above each."""
    grid: dict[tuple[int, int], str] = {}
    for y, row in enumerate(heads):
        x = 0
        for cell in row:
            while (x, y) in grid:
                x += 1
            for across in range(_span(cell, "colspan")):
                for down in range(_span(cell, "rowspan")):
                    grid[x + across, y + down] = _text(cell) or ""
            x += _span(cell, "colspan")
    width = max((x for x, _ in grid), default=-1) + 1
    made: list[Column] = []
    for x in range(2, width):
        parts = dict.fromkeys(grid.get((x, y), "") for y in range(len(heads)))
        above = folded(" ".join(parts))
        number = re.search(r"\d+", above)
        made.append(Column(_kind(above), above, int(number[0]) if number else _roman(above)))
    return made


def _kind(above: str) -> str:
    for kind, words in (("exam", ("экзамен",)), ("final", ("итог",)), ("year", ("год",))):
        if any(w in above for w in words) and not re.search(r"\d|полугод", above):
            return kind
    return "period"


def _roman(above: str) -> int | None:
    found = re.search(r"(?<![a-zа-я])(iv|i{1,3})(?![a-zа-я])", above)
    return {"i": 1, "ii": 2, "iii": 3, "iv": 4}[found[1]] if found else None


# -- pages -----------------------------------------------------------------------------------------------------------


def _page(answer: Answer) -> HtmlElement:
    """The page; it says its own character set, or the answer does, or it is UTF-8."""
    declared = re.search(rb"charset=[\"']?([\w-]+)", answer.body[:2000])
    said = answer.headers.get("content-type", "")
    encoding = "utf-8"
    if "charset=" in said:
        encoding = said.partition("charset=")[2].strip(' "')
    elif declared:
        encoding = declared[1].decode()
    try:
        return html.document_fromstring(answer.body, parser=html.HTMLParser(encoding=encoding, no_network=True))
    except (ParserError, LookupError, ValueError):
        raise UnexpectedAnswerError(f"{answer.origin.request}: the report is no page") from None


def _table(page: HtmlElement, heading: str) -> HtmlElement | None:
    """The table that has a heading; the innermost of those that do."""
    found = [
        table
        for table in page.iter("table")
        if any(folded(_text(cell)) == heading for row in _rows(table) for cell in row)
    ]
    return found[-1] if found else None


def _nothing(page: HtmlElement, where: str) -> list[Any]:
    """What a report without a table says, if it is a report: nothing.

    Raises:
        UnexpectedAnswerError: it is another page.

    """
    titled = any("report-title" in (e.get("class") or "") for e in page.iter("h1", "h2", "h3", "h4", "h5"))
    if not titled and "ученик" not in labels(page):
        raise UnexpectedAnswerError(f"{where}: the page is no report")
    return []


def _rows(table: HtmlElement) -> Iterator[list[HtmlElement]]:
    """The cells of each row of a table, those of tables inside it left out."""
    for row in table.iter("tr"):
        holder = next(row.iterancestors("table"), None)
        cells = [cell for cell in row if cell.tag in {"td", "th"}]
        if holder is table and cells:
            yield cells


def _text(cell: HtmlElement) -> str | None:
    """The text of an element, with spaces where it is broken into lines."""
    return tidy(" ".join(cell.itertext()).replace("\xa0", " "))


def _span(cell: HtmlElement, name: str) -> int:
    said = (cell.get(name) or "1").strip()
    return min(int(said), 400) if said.isdecimal() and int(said) else 1
