"""Proposes a layout for a file: tries what its tables could be, and keeps what reads the most with the fewest faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from canonical.scales import Scale
from canonical.toml_files import ConfigError
from canonical.years import AcademicYear
from connectors.files.choosing import Chosen
from connectors.files.identifying import Preview, preview_of
from connectors.files.layouts.across import columns_across
from connectors.files.layouts.cells import CellWords
from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.finding import LONG_MONTH, fit
from connectors.files.layouts.model import Layout, Table, layout_of
from connectors.files.layouts.pages import read_pages
from connectors.files.layouts.values import Setting
from connectors.files.learning.columns import header_text, name_columns
from connectors.files.learning.headings import find_headings
from connectors.files.learning.vocabulary import Vocabulary
from connectors.files.learning.writing import written
from connectors.files.reading.formats import read_workbook
from connectors.files.reading.sheets import Sheet, Workbook, letters

_ROWS: Final = 40
_SHAPES: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    ("marks", ("month", "day")),
    ("marks", ("date", "number")),
    ("marks", ("date", "subject")),
    ("marks", ("date",)),
    ("period_marks", ("subject", "period")),
    ("period_marks", ("period", "ignore")),
    ("period_marks", ("period",)),
    ("period_marks", ("subject",)),
    ("attestations", ("subject", "kind")),
    ("attestations", ("kind", "subject")),
    ("marks", ("day",)),
)
_PLAIN: Final = ("contingent", "staff", "plan", "lessons", "courses", "attestations", "marks")
_IN_PLACE_OF: Final = {"group": "7А", "subject": "?"}
_GAP: Final = 10
_LEAST_ACROSS: Final = 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """A layout as TOML text. `missing` says what a person must add before it can be used; `preview` what it reads."""

    text: str
    kind: str
    missing: list[str]
    preview: Preview | None
    columns: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Draft:
    table: dict[str, Any]
    headings: dict[str, dict[str, Any]]
    sure: int
    row: int
    head: int
    sheet: Sheet
    columns: dict[str, int]
    last: int


def propose(
    known: Sequence[Layout],
    body: bytes,
    file: str,
    *,
    scale: Scale,
    year: AcademicYear,
    kind: Literal["school", "college"],
) -> Proposal | None:
    """A layout for a file, by the words of the known layouts and by what its columns hold; null if nothing is found.

    Raises:
        UnreadableFileError: the file cannot be read at all.

    """
    book = read_workbook(body)
    setting = Setting(year, CellWords.of(scale, {}))
    words = Vocabulary.of(known)
    drafts = list(_drafts(book, file, words, setting))
    if not drafts:
        return None
    tables = [[draft.table, *_beside(draft, drafts)] for draft in drafts]
    ranks = [_rank(draft, whole, book, file, setting) for draft, whole in zip(drafts, tables, strict=True)]
    number = max(range(len(drafts)), key=lambda n: ranks[n])
    best = drafts[number]
    data = {
        "title": f"Предложение для файла {file}",
        "heading": best.headings,
        "table": tables[number],
    }
    missing = _missing(best)
    preview: Preview | None = None
    if not missing:
        layout = layout_of(data, Path(file))
        fitted = fit(layout, book, file, setting)
        missing.extend(fitted.lacking)
        preview = preview_of(Chosen(book, fitted, setting), file, scale, kind) if fitted.good else None
    columns = {n: header_text(best.sheet, best.row, best.head, c) for n, c in best.columns.items()}
    return Proposal(written(data, missing, preview), str(best.table["kind"]), missing, preview, columns)


def _beside(best: _Draft, drafts: Sequence[_Draft]) -> list[dict[str, Any]]:
    """The block of topics and homework of a journal page, if the page has one."""
    if best.table["kind"] != "marks":
        return []
    found: list[tuple[int, int, dict[str, Any]]] = []
    for block in drafts:
        columns = {
            n: c for n, c in block.columns.items() if n not in {"group", "subject"} and _is_beside(block, c, best)
        }
        if block.table["kind"] == "lessons" and {"date", "topic"} <= columns.keys():
            named = {n: block.table["columns"][n] for n in columns}
            found.append((len(columns), -block.row, {**block.table, "columns": named, "optional": True}))
    return [max(found, key=lambda f: f[:2])[2]] if found else []


def _is_beside(block: _Draft, column: int, best: _Draft) -> bool:
    """Whether a column of a block stands on another sheet, in other rows, or to the right of a page's cells."""
    return block.sheet is not best.sheet or block.row >= best.row + best.head or column > best.last


def _drafts(book: Workbook, file: str, words: Vocabulary, setting: Setting) -> Iterator[_Draft]:
    for sheet in book.sheets:
        for row in range(min(_ROWS, len(sheet.rows))):
            if sum(bool(sheet.text(row, c)) for c in range(len(sheet.rows[row]))) < 2:
                continue
            for kind, roles in _SHAPES:
                if draft := _grid(sheet, row, file, kind, roles, words, setting):
                    yield draft
            for kind in _PLAIN:
                if draft := _list(sheet, row, file, kind, words, setting):
                    yield draft


def _grid(
    sheet: Sheet, row: int, file: str, kind: str, roles: tuple[str, ...], words: Vocabulary, setting: Setting
) -> _Draft | None:
    """A table with columns across, if there are some of this shape and a name or subject at the left."""
    skip = sorted(set(words.skips[kind])) if "subject" in roles else []
    across: dict[str, Any] = {"rows": list(roles), "skip": skip}
    if kind != "marks":
        across["holds"] = "value"
    table = Table.model_validate({"kind": kind, "across": across})
    whole = setting.of(setting.year, LONG_MONTH) if table.needs_month else setting
    taken = {a.column for a in columns_across(table, sheet, row, set(), whole) if not a.values.faults}
    columns, sure = name_columns(sheet, row, len(roles), kind, words, setting, taken, across=True)
    columns = {
        n: c
        for n, c in columns.items()
        if n in {"student", "family_name", "given_name", "patronymic", "student_key", "subject"}
    }
    if "subject" in roles:
        columns.pop("subject", None)
        taken -= set(columns.values())
    if len(taken) < _LEAST_ACROSS or not columns:
        return None
    return _draft(sheet, row, file, kind, len(roles), columns, words, sure + 2 * len(taken), across, max(taken))


def _list(sheet: Sheet, row: int, file: str, kind: str, words: Vocabulary, setting: Setting) -> _Draft | None:
    """A table without columns across, if it has a column or two that this kind needs."""
    columns, sure = name_columns(sheet, row, 1, kind, words, setting, set(), across=False)
    needed = {n for names in KINDS[kind].needs for n in names}
    if not needed & columns.keys() or len(columns) < 2:
        return None
    return _draft(sheet, row, file, kind, 1, columns, words, sure, None)


def _draft(
    sheet: Sheet,
    row: int,
    file: str,
    kind: str,
    head: int,
    columns: dict[str, int],
    words: Vocabulary,
    sure: int,
    across: dict[str, Any] | None,
    last: int | None = None,
) -> _Draft:
    given = {*columns, *(across["rows"] if across else ()), *((across.get("holds", "marks"),) if across else ())}
    if across and "day" in across["rows"]:
        given.add("date")
    headings = find_headings(sheet, row, file, kind, words, given)
    table: dict[str, Any] = {"kind": kind}
    if len({header_text(sheet, row, head, c) for c in columns.values()}) == len(columns):
        table["columns"] = {n: header_text(sheet, row, head, c) for n, c in columns.items()}
    else:
        table["columns"] = {n: {"at": letters(c)} for n, c in columns.items()}
        table["header"] = row + 1
    if across:
        table["across"] = {k: v for k, v in across.items() if v}
    return _Draft(
        table,
        headings,
        sure + len(headings),
        row,
        head,
        sheet,
        columns,
        max(columns.values(), default=0) if last is None else last,
    )


def _rank(
    draft: _Draft, tables: Sequence[dict[str, Any]], book: Workbook, file: str, setting: Setting
) -> tuple[int, int]:
    """How well a draft reads the file: the more cells the better, the fewer unreadable ones and gaps the better."""
    missing = _missing(draft)
    filled = {name: {"value": _IN_PLACE_OF[name]} for name in missing if name in _IN_PLACE_OF}
    said = faults = 0
    try:
        layout = layout_of({"title": "?", "heading": {**draft.headings, **filled}, "table": tables}, Path(file))
    except ConfigError:
        return -_GAP, -draft.row
    fitted = fit(layout, book, file, setting)
    for page in read_pages(fitted, book, file, setting) if fitted.good else ():
        for line in page.lines:
            cells = [line.values, *(cell.values for cell in line.cells)]
            said += sum(len(values.said) for values in cells)
            faults += sum(len(values.faults) for values in cells)
    return said - 4 * faults + 2 * draft.sure - _GAP * len(missing), -draft.row


def _missing(draft: _Draft) -> list[str]:
    table = Table.model_validate(draft.table)
    given = {*draft.headings, *(f for n, c in table.columns.items() for f in c.fields(n))}
    given |= set(table.across.fields()) if table.across else set()
    return [" or ".join(names) for names in KINDS[table.kind].needs if not given & set(names)]
