"""The same report in every format: bytes, numbers, what a spreadsheet and a browser make of it."""

from __future__ import annotations

import csv
import html.parser
import io
import json
from dataclasses import replace
from datetime import date

import pytest

from pipelines.reporting import layout
from pipelines.reporting.document import NO_DATA, Column, Report, Row, Table, shown
from pipelines.reporting.formats import formats
from tests.unit.reporting.books import column, parts, sheets

COLUMNS = (
    Column("group", "Группа", width=10, fixed=True),
    Column("pupils", "Обучающихся", "integer", 6),
    Column("share", "доля, %", "percent", over="Всего"),
    Column("average", "балл", "decimal", over="Всего"),
    Column("hours", "Часов", "number"),
    Column("mark", "Отметка", "mark", 4, upright=True),
    Column("day", "День", "date", 10),
)
ROWS = (
    Row(("7А", 20, 66.66666, 4.125, 2.5, "5", date(2026, 11, 20)), group="Школа <1>"),
    Row(("=7Б", 0, NO_DATA, None, 3, "5-", None), group="Школа <1>"),
    Row(("Итого", None, 12.25, 4.005, 5.5, None, None), "subtotal", group="Школа <1>"),
)
REPORT = Report(
    id="sample",
    title="Отчёт & «проба»",
    clause="USO 0",
    institutions=(("a", "Школа <1>"),),
    parameters=(("Период", "1 четверть"),),
    day=date(2026, 11, 20),
    as_of=None,
    tables=(Table("groups", COLUMNS, ROWS),),
    notes=("Примечание.",),
    signatures=("Директор",),
)


def test_there_are_four() -> None:
    assert {"xlsx", "html", "csv", "json"} <= set(formats())


@pytest.mark.parametrize("name", ["xlsx", "html", "csv", "json"])
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    again = replace(REPORT, tables=tuple(replace(t, rows=tuple(t.rows)) for t in REPORT.tables))
    assert formats()[name].write(REPORT) == formats()[name].write(again)


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (66.66666, "percent", "66,7"),
        (12.25, "percent", "12,3"),
        (100, "percent", "100,0"),
        (4.005, "decimal", "4,01"),
        (2.5, "number", "2,5"),
        (3, "number", "3"),
        (3.0, "number", "3"),
        (0, "integer", "0"),
        (None, "integer", ""),
        (NO_DATA, "percent", "нет данных"),
        (date(2026, 9, 1), "date", "01.09.2026"),
        ("5-", "mark", "5-"),
    ],
)
def test_a_cell_as_staff_read_it(cell: object, kind: str, text: str) -> None:
    assert shown(cell, kind) == text  # type: ignore[arg-type]


def test_csv_is_what_excel_opens() -> None:
    body = formats()["csv"].write(REPORT)
    assert body.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in body
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=";"))
    assert rows == [
        ["Учреждение", "Группа", "Обучающихся", "Всего: доля, %", "Всего: балл", "Часов", "Отметка", "День"],
        ["Школа <1>", "7А", "20", "66,7", "4,13", "2,5", "5", "20.11.2026"],
        ["Школа <1>", "'=7Б", "0", "нет данных", "", "3", "5-", ""],
        ["Школа <1>", "Итого", "", "12,3", "4,01", "5,5", "", ""],
    ]


@pytest.mark.parametrize(("text", "safe"), [("=1", "'=1"), ("@x", "'@x"), ("-cmd", "'-cmd"), ("+1+2", "'+1+2"), ("-", "-"), ("+", "+"), ("-5", "-5"), ("5-", "5-")])  # fmt: skip
def test_no_text_becomes_a_formula(text: str, safe: str) -> None:
    report = replace(REPORT, tables=(Table("t", (Column("a", "А"),), (Row((text,)),)),))
    assert formats()["csv"].write(report).decode("utf-8-sig").splitlines()[1] == safe
    cells = sheets(formats()["xlsx"].write(report))["Отчёт & «проба»"]
    assert text in cells.values()
    assert "<f>" not in parts(formats()["xlsx"].write(report))["xl/worksheets/sheet1.xml"]


def test_several_tables_in_one_csv_have_titles() -> None:
    table = replace(REPORT.tables[0], title="Первая", rows=())
    body = formats()["csv"].write(replace(REPORT, tables=(table, replace(table, title="Вторая")))).decode("utf-8-sig")
    lines = body.split("\r\n")
    assert lines[0] == "Первая"
    assert lines[2:4] == ["", "Вторая"]


def test_json_is_for_programs() -> None:
    data = json.loads(formats()["json"].write(REPORT))
    assert (data["report"], data["title"], data["day"], data["as_of"]) == ("sample", REPORT.title, "2026-11-20", None)
    first, second, total = data["tables"][0]["rows"]
    assert first["cells"] == {
        "group": "7А", "pupils": 20, "share": 66.6667, "average": 4.125, "hours": 2.5, "mark": "5", "day": "2026-11-20",
    }  # fmt: skip
    assert (second["cells"]["share"], second["no_data"]) == (None, ["share"])
    assert (second["cells"]["average"], total["kind"], total["group"]) == (None, "subtotal", "Школа <1>")
    assert data["tables"][0]["columns"][2] == {"id": "share", "title": "доля, %", "over": "Всего", "kind": "percent"}


def test_a_workbook_holds_real_numbers() -> None:
    book = formats()["xlsx"].write(REPORT)
    cells = sheets(book)["Отчёт & «проба»"]
    assert [v for v in column(cells, "C") if isinstance(v, float)] == [66.66666, 12.25]
    assert column(cells, "C")[-2:] == ["нет данных", 12.25]
    assert 5.0 in column(cells, "F")
    assert "5-" in column(cells, "F")
    sheet = parts(book)["xl/worksheets/sheet1.xml"]
    assert 'shrinkToFit="1"' in parts(book)["xl/styles.xml"]
    assert 'paperSize="9"' in sheet
    assert "<pane " in sheet
    assert "Print_Titles" in parts(book)["xl/workbook.xml"]
    assert "2026-11-20T00:00:00Z" in parts(book)["docProps/core.xml"]
    text = " ".join(str(v) for v in cells.values())
    assert "Дата составления" in text
    assert "расшифровка подписи" in text
    assert "Примечание." in text


def test_sheets_have_names_that_a_workbook_may_have() -> None:
    table = replace(REPORT.tables[0], sheet="7/А: [проба] с очень-очень длинным именем")
    book = sheets(formats()["xlsx"].write(replace(REPORT, tables=(table, table, replace(table, sheet="''")))))
    assert list(book) == ["7 А   проба  с очень-очень длин", "7 А   проба  с очень-очень дл 2", "Лист", "Пояснения"]
    assert "Примечание." in book["Пояснения"].values()


class _Page(html.parser.HTMLParser):
    """Collects the cells of tables, and checks that tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[tuple[str, dict[str, str | None]]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "col", "br"}:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append(("", dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            text, attrs = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data, attrs)


def test_a_page_prints_and_needs_nothing_from_elsewhere() -> None:
    text = formats()["html"].write(REPORT).decode()
    page = _Page(text)
    assert [t for t, _ in page.rows[0]] == ["Группа", "Обучающихся", "Всего", "Часов", "Отметка", "День"]
    assert page.rows[0][2][1] == {"colspan": "2"}
    assert [t for t, _ in page.rows[1]] == ["доля, %", "балл"]
    assert page.rows[2] == [("Школа <1>", {"colspan": "7"})]
    assert [t for t, _ in page.rows[3]] == ["7А", "20", "66,7", "4,13", "2,5", "5", "20.11.2026"]
    assert page.rows[3][1][1] == {"class": "n"}
    assert page.rows[4][2] == ("нет данных", {"class": "q"})  # small print, so that it stays within its column
    assert page.rows[5][0] == ("Итого", {"colspan": "2"})  # the label fills the empty cell beside it
    for there in (
        "size: A4 portrait",
        "table-header-group",
        "подпись",
        "расшифровка подписи",
        "Дата составления",
        "Примечание.",
    ):
        assert there in text
    for away in ("http", "src=", "@import", "<script", "url("):
        assert away not in text
    assert "Отчёт &amp; «проба»" in text


def test_wide_tables_lie_down_and_are_parted_with_their_first_columns() -> None:
    many = tuple(Column(f"s{n}", f"Предмет {n}", "mark", 4, upright=True) for n in range(60))
    columns = (Column("who", "ФИО", width=30, fixed=True, merged=True), *many)
    rows = tuple(Row((f"Ученик {n // 2}", *map(str, range(60))), block=str(n // 2)) for n in range(4))
    table = Table("wide", columns, rows, "Широкая")
    first, second = layout.parts(table, layout.LANDSCAPE)
    assert [c.id for c in first.columns + second.columns if c.id != "who"] == [c.id for c in many]
    assert second.columns[0].id == "who"
    assert second.title == "Широкая (продолжение 2)"
    assert second.rows[3].cells[0] == "Ученик 1"
    text = formats()["html"].write(replace(REPORT, tables=(table,))).decode()
    assert "size: A4 landscape" in text
    page = _Page(text)
    assert page.rows[1][0] == ("Ученик 0", {"rowspan": "2"})
    assert len(page.rows[2]) == len(page.rows[1]) - 1
    sheet = parts(formats()["xlsx"].write(replace(REPORT, tables=(table,))))["xl/worksheets/sheet1.xml"]
    assert 'orientation="landscape"' in sheet
    assert "<mergeCell " in sheet


def test_pages_of_a_workbook_end_between_pupils() -> None:
    columns = (
        Column("who", "ФИО", width=30, fixed=True, merged=True),
        Column("q", "Период"),
        Column("m", "Алгебра", "mark"),
    )
    rows = tuple(Row((f"Ученик {n // 5}", f"{n % 5}", "5"), block=str(n // 5)) for n in range(200))
    table = Table("t", columns, rows)
    sheet = parts(formats()["xlsx"].write(replace(REPORT, tables=(table,))))["xl/worksheets/sheet1.xml"]
    ends = [int(part.split('"')[0]) for part in sheet.split('<brk id="')[1:]]
    assert ends
    cells = sheets(formats()["xlsx"].write(replace(REPORT, tables=(table,))))["Отчёт & «проба»"]
    starts = {int(a[1:]) for a, v in cells.items() if a.startswith("A") and str(v).startswith("Ученик")}
    assert {e + 1 for e in ends} <= starts


def test_an_empty_table_says_so() -> None:
    report = replace(REPORT, tables=(replace(REPORT.tables[0], rows=(), empty="Ничего нет"),))
    assert "Ничего нет" in formats()["html"].write(report).decode()
    assert "Ничего нет" in sheets(formats()["xlsx"].write(report))["Отчёт & «проба»"].values()


def test_many_institutions_are_counted_not_listed() -> None:
    assert layout.whose(REPORT) == "Школа <1>"
    many = replace(REPORT, institutions=tuple((str(n), f"Школа {n}") for n in range(49)))
    assert layout.whose(many) == "Сводный отчёт: учреждений — 49"


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="1 cells for 7 columns"):
        Table("t", COLUMNS, (Row(("7А",)),))
