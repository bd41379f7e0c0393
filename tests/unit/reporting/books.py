"""Reads what the tests need of a workbook, with nothing but the standard library."""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree import ElementTree as ET

_NS = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def parts(book: bytes) -> dict[str, str]:
    """The files inside a workbook."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist()}


def sheets(book: bytes) -> dict[str, dict[str, str | float]]:
    """Sheet name -> cell address -> text or number."""
    inside = parts(book)
    shared = ["".join(t.text or "" for t in s.iter(f"{{{_NS['x']}}}t")) for s in _read(inside, "sharedStrings")]
    names = [s.get("name") or "" for s in _read(inside, "workbook").find("x:sheets", _NS) or ()]
    found = {}
    for number, name in enumerate(names, 1):
        cells: dict[str, str | float] = {}
        for cell in _read(inside, f"worksheets/sheet{number}").iter(f"{{{_NS['x']}}}c"):
            value = cell.find("x:v", _NS)
            if value is not None and value.text is not None:
                text = cell.get("t") == "s"
                cells[cell.get("r") or ""] = shared[int(value.text)] if text else float(value.text)
        found[name] = cells
    return found


def _read(inside: dict[str, str], name: str) -> ET.Element:
    return ET.fromstring(inside[f"xl/{name}.xml"])  # noqa: S314 - a workbook that the test has just written


def column(cells: dict[str, str | float], letter: str) -> list[str | float]:
    """The values of a column from above to below."""
    rows = {int(m[1]): v for a, v in cells.items() if (m := re.fullmatch(rf"{letter}(\d+)", a))}
    return [rows[n] for n in sorted(rows)]
