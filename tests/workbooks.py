"""Files of every format made of the same grid of values, for tests of the files connector."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from html import escape
from typing import Any

import xlsxwriter
import xlwt

Grid = Sequence[Sequence[Any]]


def xlsx(*grids: Grid, names: Sequence[str] = (), merged: Sequence[str] = ()) -> bytes:
    """A workbook; `merged` names ranges of its first sheet that are merged."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day, hour = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "hh:mm"})
    for n, grid in enumerate(grids):
        sheet = book.add_worksheet(names[n] if n < len(names) else f"Лист{n + 1}")
        for area in merged if n == 0 else ():
            sheet.merge_range(area, "")
        for r, row in enumerate(grid):
            for c, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, (date, datetime)):
                    sheet.write_datetime(r, c, value, day)
                elif isinstance(value, time):
                    sheet.write_datetime(r, c, value, hour)
                elif isinstance(value, str) and value.startswith("#"):
                    sheet.write_formula(r, c, "=1/0", None, value)
                elif isinstance(value, str):
                    sheet.write_string(r, c, value)
                else:
                    sheet.write(r, c, value)
    book.close()
    return out.getvalue()


def xls(*grids: Grid) -> bytes:
    book = xlwt.Workbook()
    day = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for n, grid in enumerate(grids):
        sheet = book.add_sheet(f"Лист{n + 1}")
        for r, row in enumerate(grid):
            for c, value in enumerate(row):
                if isinstance(value, (date, datetime)):
                    sheet.write(r, c, value, day)
                elif isinstance(value, str) and value.startswith("#"):
                    sheet.row(r).set_cell_error(c, value)
                elif value is not None:
                    sheet.write(r, c, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(*grids: Grid) -> bytes:
    """A hand-made ods with what LibreOffice writes: repeated cells, and a million empty rows at the end."""
    tables = []
    for n, grid in enumerate(grids):
        rows = "".join(
            "<table:table-row>" + "".join(map(_ods_cell, row)) + '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
            for row in grid
        )  # fmt: skip
        tables.append(
            f'<table:table table:name="Лист{n + 1}">{rows}<table:table-row table:number-rows-repeated="1048000">'
            '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
        )
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body></office:document-content>"
    )
    return packed({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})


def packed(members: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return out.getvalue()


def _ods_cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    text = "".join(f"<text:p>{escape(part)}</text:p>" for part in printed(value).split("\n"))
    if isinstance(value, (date, datetime)):
        return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}">{text}</table:table-cell>'
    if isinstance(value, (int, float)):
        return f'<table:table-cell office:value-type="float" office:value="{value}">{text}</table:table-cell>'
    return f'<table:table-cell office:value-type="string">{text}</table:table-cell>'


def printed(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (date, datetime)):
        return value.strftime("%d.%m.%Y")
    return value.strftime("%H:%M") if isinstance(value, time) else str(value)


def text(grid: Grid, separator: str = ";", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows([[printed(v) for v in row] for row in grid])
    return out.getvalue().encode(encoding)


def html(grid: Grid, charset: str = "utf-8") -> bytes:
    rows = "".join("<tr>" + "".join(f"<td>{escape(printed(v)).replace(chr(10), '<br>')}</td>" for v in row) + "</tr>" for row in grid)  # fmt: skip
    return f'<html><head><meta charset="{charset}"><title>Выгрузка</title></head><body><table>{rows}</table></body></html>'.encode(
        charset
    )


def excel_xml(grid: Grid) -> bytes:
    rows = "".join("<Row>" + "".join(map(_xml_cell, row)) + "</Row>" for row in grid)
    return (
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        f'<Worksheet ss:Name="Лист1"><Table>{rows}</Table></Worksheet></Workbook>'
    ).encode()


def _xml_cell(value: Any) -> str:
    if value is None:
        return "<Cell/>"
    kind = (
        "DateTime" if isinstance(value, (date, datetime)) else "Number" if isinstance(value, (int, float)) else "String"
    )
    said = f"{value.isoformat()}T00:00:00" if kind == "DateTime" else escape(printed(value))
    return f'<Cell><Data ss:Type="{kind}">{said}</Data></Cell>'


FORMATS = {
    "xlsx": xlsx,
    "xls": xls,
    "ods": ods,
    "csv;": text,
    "csv,": lambda grid: text(grid, ",", "cp1251"),
    "html": html,
    "html1251": lambda grid: html(grid, "windows-1251"),
    "xml": excel_xml,
}
