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
_XML: Final = re.compile(rb"\s*(\xef\xbb\xbf)?\s*<\?xml[^>]*\?>")
_DECLARED: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_PAGE: Final = re.compile(r"<(!doctype\s+html|html|head|body|table|meta|div|style)\b", re.IGNORECASE)
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
    if _XML.match(start) and not _PAGE.search(start.decode("latin-1")):
        return Workbook("xml", read_xml(body.lstrip()))
    charset = _CHARSET.search(start)
    text = decoded(body, charset[1].decode().lower().replace("windows-", "cp") if charset else encoding)
    if text.lstrip().startswith("<"):
        if _PAGE.search(text[:4096]):
            return Workbook("html", read_html(_DECLARED.sub("", text)))
        return Workbook("xml", read_xml(text.encode()))
    return Workbook("csv", read_csv(text, separator))
