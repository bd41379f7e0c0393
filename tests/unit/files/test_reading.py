"""Files of every format give the same cells; hostile and broken ones are told apart and refused."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import date, datetime, time

import pytest

from connectors.files.reading import sheets
from connectors.files.reading.formats import read_workbook
from connectors.files.reading.sheets import CellError, Place, column_of, letters, shown
from connectors.files.trouble import UnreadableFileError
from tests import workbooks

GRID = [["Ученик", "5 сен", None, "Ср."], ["Ёлкин Пётр", 5, None, 4.5], [], [None, "Н", "4/5", "н/а"]]


@pytest.mark.parametrize("form", workbooks.FORMATS)
def test_every_format_shows_the_same(form: str) -> None:
    (sheet,) = read_workbook(workbooks.FORMATS[form](GRID)).sheets
    assert [[shown(v) for v in row] for row in sheet.rows] == [["Ученик", "5 сен", "", "Ср."], ["Ёлкин Пётр", "5", "", "4.5"], [], ["", "Н", "4/5", "н/а"]]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (workbooks.xlsx(GRID), "xlsx"), (workbooks.xls(GRID), "xls"), (workbooks.ods(GRID), "ods"), (workbooks.text(GRID), "csv"),
        (workbooks.html(GRID), "html"), (workbooks.excel_xml(GRID), "xml"), (b"\xef\xbb\xbf" + workbooks.excel_xml(GRID), "xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html><table><tr><td>1</td></tr></table></html>", "html"),
    ],
)  # fmt: skip
def test_the_content_says_what_a_file_is(body: bytes, form: str) -> None:
    assert read_workbook(body).format == form


def test_cells_know_their_types() -> None:
    grid = [[date(2026, 9, 5), 46270, 0.5, "#REF!"]]
    for make in (workbooks.xlsx, workbooks.xls):
        row = read_workbook(make(grid)).sheets[0].rows[0]
        assert row == [datetime(2026, 9, 5), 46270, 0.5, CellError("#REF!")]  # noqa: DTZ001 - a cell has no zone
    assert read_workbook(workbooks.xlsx([[time(8, 30)]])).sheets[0].rows == [[time(8, 30)]]
    assert read_workbook(workbooks.ods([[date(2026, 9, 5), 5, "#REF!"]])).sheets[0].rows[0][2] == CellError("#REF!")


def test_what_people_see() -> None:
    values = (None, 5.0, 4.5, True, date(2026, 9, 5), time(8, 5), CellError("#REF!"), " а ")
    assert [shown(v) for v in values] == ["", "5", "4.5", "да", "05.09.2026", "08:05", "#REF!", "а"]
    assert shown(datetime(2026, 9, 5, 8, 30)) == "05.09.2026 08:30"  # noqa: DTZ001


def test_places_have_the_names_that_people_use() -> None:
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert [column_of(letters(n)) for n in range(800)] == list(range(800))
    assert Place("Лист1", 6, 2).name == "C7"
    assert str(Place("Лист1", 6, 2)) == "sheet 'Лист1', row 7, column C"


def test_merged_cells_of_a_page_keep_their_columns() -> None:
    page = """<html><body>Класс: <b>7А</b><br>Период<table border=1><tr><td><table>
    <tr><th rowspan=2>Предмет</th><th colspan=2>Сентябрь</th><th rowspan=2>Ср.</th></tr><tr><th>2<th>9</tr>
    <tr><td>Алгебра<td>5<br>4<td>&nbsp;<td>4,5</tr></table></td></tr></table><script>x()</script>конец</body></html>"""
    (sheet,) = read_workbook(page.encode()).sheets
    assert [[shown(v) for v in row] for row in sheet.rows] == [
        ["Класс: 7А"], ["Период"], ["Предмет", "Сентябрь", "", "Ср."], ["", "2", "9"], ["Алгебра", "5\n4", "", "4,5"], ["конец"],
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_in_both_encodings_and_with_each_separator(encoding: str, separator: str) -> None:
    rows = [["Фамилия", "Тема; «с, знаками»"], ["Ёлкин", 'кавычки "внутри"\nи строка']]
    (sheet,) = read_workbook(workbooks.text(rows, separator, encoding)).sheets
    assert sheet.rows == rows


def test_plain_xml_is_a_table_of_its_records() -> None:
    body = "<r><k><name>7А</name><p id='1'><fio>А Б</fio></p><p id='2'><fio>В Г</fio><a><c>x</c></a></p></k></r>"
    (sheet,) = read_workbook(body.encode()).sheets
    assert sheet.rows == [["k/name", "id", "fio", "a/c"], ["7А", "1", "А Б"], ["7А", "2", "В Г", "x"]]


def repacked(body: bytes, name: str, change: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as source:
        members = {n: source.read(n) for n in source.namelist()}
    members[name] = members[name].replace(b"</sheetData>", change + b"</sheetData>")
    return workbooks.packed(members)


def lying_bomb() -> bytes:
    """A workbook whose sheet unpacks to far more than its directory says."""
    body = bytearray(workbooks.packed({"content.xml": b"0" * 300_000_000}))
    directory = body.rindex(b"PK\x01\x02")
    body[directory + 24 : directory + 28] = struct.pack("<I", 100)
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"), (b" \r\n", "empty"), (b"\x00\x01\x02", "neither a workbook nor a text"), (b"\x98\xff", "not a text in UTF-8 or Windows-1251"),
        (b"PK\x03\x04 broken", "damaged"), (workbooks.xlsx(GRID)[:-100], "damaged"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 broken", "damaged"),
        (workbooks.packed({"a.txt": "x"}), "no workbook"), (b"<html><p>login</p></html>", "no table"), (b"<a><b></a>", "cannot be read"),
        (b"<a/>", "no records"), (workbooks.packed({"xl/workbook.xml": "<a/>"}), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(body: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        read_workbook(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a><r k='1' v='2'><t>&x;</t></r></a>",
        b"<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]><a><r k='1' v='2'>&b;</r></a>",
    ],
)
def test_a_file_cannot_declare_entities(body: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="document type"):
        read_workbook(body)


def test_files_that_are_too_large_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableFileError, match="unpacks to more than"):
        read_workbook(lying_bomb())
    monkeypatch.setattr("connectors.files.reading.formats.MOST_BYTES", 10)
    with pytest.raises(UnreadableFileError, match="larger than"):
        read_workbook(b"a;b\n" * 10)


def test_a_sheet_may_not_claim_millions_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_CELLS", 100_000)
    far = repacked(workbooks.xlsx(GRID), "xl/worksheets/sheet1.xml", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')  # fmt: skip
    with pytest.raises(UnreadableFileError, match="too large"):
        read_workbook(far)
    many = workbooks.ods([["x"]])
    with zipfile.ZipFile(io.BytesIO(many)) as source:
        content = source.read("content.xml").replace(b"<table:table-row>", b'<table:table-row table:number-rows-repeated="1000000">', 1)  # fmt: skip
    with pytest.raises(UnreadableFileError, match="too large"):
        read_workbook(workbooks.packed({"content.xml": content}))


def test_formulas_are_not_computed() -> None:
    body = repacked(workbooks.xlsx([[1]]), "xl/worksheets/sheet1.xml", b'<row r="2"><c r="A2"><f>1+1</f><v>7</v></c><c r="B2"><f>1+1</f></c></row>')  # fmt: skip
    assert read_workbook(body).sheets[0].rows == [[1], [7]]
