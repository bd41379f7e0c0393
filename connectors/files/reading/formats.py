"""Which format a file has: its first bytes say, never its name."""

from __future__ import annotations

import re
from typing import Final

from connectors.files.reading.excel import read_xls, read_xlsx
from connectors.files.reading.markup import read_ods, read_xml
from connectors.files.reading.packed import members
from connectors.files.reading.page import read_html
from connectors.files.reading.sheets import MOST_BYTES, Workbook
from connectors.files.reading.text import decoded, read_csv
from connectors.files.trouble import UnreadableFileError

FORMATS: Final = ("xlsx", "xls", "ods", "csv", "html", "xml")

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
_DECLARED: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_FIRST_TAG: Final = re.compile(r"<([A-Za-z][\w:.-]*)")
_PAGE_TAGS: Final = frozenset(
    [
        "html",
        "head",
        "body",
        "title",
        "meta",
        "style",
        "table",
        "div",
        "span",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "center",
        "font",
        "b",
        "script",
        "link",
    ]
)
_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?\s*(windows-1251|cp1251|utf-8)", re.IGNORECASE)


def read_workbook(body: bytes, *, encoding: str = "auto", separator: str = "auto") -> Workbook:
    """The sheets of a file. `encoding` and `separator` are for CSV, where a layout names them.

    Raises:
        UnreadableFileError: it is damaged, too large, locked, or of a format that is not read.

    """
    if len(body) > MOST_BYTES:
        raise UnreadableFileError(f"the file is larger than {MOST_BYTES // 1024 // 1024} MB; split it")
    if not body.strip():
        raise UnreadableFileError("the file is empty")
    if body.startswith(_ZIP):
        return _packed(body)
    if body.startswith(_OLE):
        if _LOCKED in body:
            raise UnreadableFileError("the file is locked by a password; save it without one")
        return Workbook("xls", read_xls(body))
    return _text(body, encoding, separator)


def _packed(body: bytes) -> Workbook:
    packed = members(body)
    names = set(packed.namelist())
    if "xl/workbook.xml" in names:
        return Workbook("xlsx", read_xlsx(body, packed))
    if "content.xml" in names:
        return Workbook("ods", read_ods(packed))
    raise UnreadableFileError("the file is an archive, but no workbook (xlsx, ods); unpack it first")


def _text(body: bytes, encoding: str, separator: str) -> Workbook:
    start = body[:4096]
    markup = start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    if markup and not _is_page(start):
        return Workbook("xml", read_xml(body.removeprefix(b"\xef\xbb\xbf").lstrip()))
    charset = _CHARSET.search(start) if markup else None
    text = decoded(body, charset[1].decode().lower().replace("windows-", "cp") if charset else encoding)
    if markup:
        return Workbook("html", read_html(_DECLARED.sub("", text)))
    return Workbook("csv", read_csv(text, separator))


def _is_page(start: bytes) -> bool:
    """Whether markup is a page: its first element is one of HTML."""
    first = _FIRST_TAG.search(start.decode("latin-1"))
    return first is not None and first[1].lower() in _PAGE_TAGS
