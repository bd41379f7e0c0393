"""Workbooks and registers in XML: ods, the XML of Excel 2003, and plain XML of records.

The parser is given no network and no document type: a file cannot make it fetch or multiply anything.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time
from itertools import repeat
from typing import Final

from lxml import etree

from connectors.files.reading.sheets import MOST_COLUMNS, CellError, Sheet, Value, trimmed
from connectors.files.trouble import UnreadableFileError

_T: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_O: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_X: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_S: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_DURATION: Final = re.compile(r"PT(\d{1,3})H(\d{1,2})M(\d{1,2})(?:[.,]\d+)?S")


def read_ods(packed: zipfile.ZipFile) -> tuple[Sheet, ...]:
    """The sheets of an ods.

    Raises:
        UnreadableFileError: it cannot be read.

    """
    root = _parsed(packed.read("content.xml"))
    return tuple(
        Sheet(table.get(f"{_T}name") or f"sheet {number}", number, trimmed(_ods_rows(table)))
        for number, table in enumerate(root.iter(f"{_T}table"), 1)
    )


def _ods_rows(table: etree._Element) -> Iterator[list[Value]]:
    empty = 0
    for element in table.iter(f"{_T}table-row"):
        row: list[Value] = []
        for cell in element.iterchildren(f"{_T}table-cell", f"{_T}covered-table-cell"):
            value = _ods_value(cell)
            times = _times(cell, "columns")
            row.extend(repeat(value, times if value is not None else min(times, MOST_COLUMNS)))
        while row and row[-1] is None:
            row.pop()
        times = _times(element, "rows")
        if not row:
            empty += times  # a sheet ends with a million of them
            continue
        yield from ([] for _ in range(empty))
        empty = 0
        yield from (list(row) for _ in range(times))


def _times(element: etree._Element, what: str) -> int:
    said = element.get(f"{_T}number-{what}-repeated") or "1"
    return int(said) if said.isdecimal() and len(said) < 9 else 1


def _ods_value(cell: etree._Element) -> Value:
    text = "\n".join(_ods_text(paragraph) for paragraph in cell.iterchildren(f"{_X}p"))
    match cell.get(f"{_O}value-type"):
        case "float" | "percentage" | "currency":
            return _number(cell.get(f"{_O}value") or text)
        case "date":
            return _moment(cell.get(f"{_O}date-value") or text)
        case "time":
            return _clock(cell.get(f"{_O}time-value") or text)
        case "boolean":
            return str(cell.get(f"{_O}boolean-value")) == "true"
    if text.startswith(("#", "Err:")):
        return CellError(text)
    return text or None


def _ods_text(element: etree._Element) -> str:
    """The text of a paragraph; spaces and tabs are elements there."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_X}s":
            parts.append(" ")
        elif child.tag == f"{_X}tab":
            parts.append("\t")
        elif child.tag == f"{_X}line-break":
            parts.append("\n")
        elif child.tag != f"{_O}annotation":
            parts.append(_ods_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def read_xml(body: bytes) -> tuple[Sheet, ...]:
    """The sheets of an XML file: a workbook of Excel 2003, else its records as the rows of one sheet.

    A record is an element of the name that stands there most often among those that hold more than one thing. Its
    columns are its attributes and the elements inside it, named as they are (`Адрес/Город` for what lies deeper), and
    what the elements around it say of themselves (`Группа/Наименование`).

    Raises:
        UnreadableFileError: it cannot be read, or holds no records.

    """
    root = _parsed(body)
    if root.tag == f"{_S}Workbook":
        return tuple(
            Sheet(sheet.get(f"{_S}Name") or f"sheet {number}", number, trimmed(_excel_rows(sheet)))
            for number, sheet in enumerate(root.iter(f"{_S}Worksheet"), 1)
        )
    return (_register(root),)


def _register(root: etree._Element) -> Sheet:
    """The records of plain XML as the rows of a sheet, under a header row of the columns' names."""
    elements = [e for e in root.iter(etree.Element) if e is not root]
    sizes = Counter(_name(e) for e in elements if len(e) + len(e.attrib) > 1)
    if not sizes:
        raise UnreadableFileError("there are no records in the XML")
    name = max(sizes, key=lambda n: sizes[n])  # of several the first in the document, which is the outermost
    said = [
        {**dict(pair for a in reversed(list(record.iterancestors())) for pair in _around(a)), **dict(_record(record))}
        for record in elements
        if _name(record) == name
    ]
    header = list(dict.fromkeys(column for record in said for column in record))
    rows: list[list[Value]] = [list(header), *([r.get(c) for c in header] for r in said)]
    return Sheet(name, 1, trimmed(rows))


def _around(element: etree._Element) -> Iterator[tuple[str, Value]]:
    """What an element says beside the records inside it."""
    for name, value in element.attrib.items():
        yield f"{_name(element)}/{etree.QName(str(name)).localname}", str(value).strip() or None
    for child in _children(element):
        if not len(child) and not child.attrib and (text := (child.text or "").strip()):
            yield f"{_name(element)}/{_name(child)}", text


def _excel_rows(sheet: etree._Element) -> Iterator[list[Value]]:
    at = 1
    for element in sheet.iter(f"{_S}Row"):
        index = _index(element, at)
        yield from ([] for _ in range(index - at))
        row: list[Value] = []
        for cell in element.iterchildren(f"{_S}Cell"):
            row.extend([None] * (_index(cell, len(row) + 1) - 1 - len(row)))
            data = cell.find(f"{_S}Data")
            row.append(None if data is None else _excel_value(data))
            across = cell.get(f"{_S}MergeAcross") or "0"
            row.extend([None] * (min(int(across), MOST_COLUMNS) if across.isdecimal() else 0))
        yield row
        at = index + 1


def _index(element: etree._Element, following: int) -> int:
    said = element.get(f"{_S}Index") or ""
    index = int(said) if said.isdecimal() and len(said) < 9 else following
    if index < following:
        raise UnreadableFileError("the XML file is damaged: its cells are not in order; export it again")
    return min(index, following + 100_000)


def _excel_value(data: etree._Element) -> Value:
    text = "".join(data.itertext())
    match data.get(f"{_S}Type"):
        case "Number":
            return _number(text)
        case "DateTime":
            return _moment(text)
        case "Boolean":
            return text == "1"
        case "Error":
            return CellError(text)
    return text


def _record(element: etree._Element, above: str = "") -> Iterator[tuple[str, Value]]:
    """The columns of a record: name and value of its attributes and of the elements inside it."""
    for name, value in element.attrib.items():
        yield above + etree.QName(str(name)).localname, str(value).strip() or None
    for child in _children(element):
        if len(child) or child.attrib:
            yield from _record(child, f"{above}{_name(child)}/")
        if text := (child.text or "").strip():
            yield above + _name(child), text


def _children(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _parsed(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableFileError(f"the XML cannot be read: {error}; export it again") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableFileError("the XML declares a document type; files with one are not read")
    return root


def _number(text: str) -> Value:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _moment(text: str) -> Value:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _clock(text: str) -> Value:
    found = _DURATION.fullmatch(text)
    if not found:
        return text
    hours, minutes, seconds = (int(part) for part in found.groups())
    return time(hours, minutes, seconds) if hours < 24 and minutes < 60 and seconds < 60 else text
