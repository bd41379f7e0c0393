"""Workbooks of Excel: xlsx by openpyxl, the old binary xls by xlrd."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import openpyxl
import xlrd
from xlrd.xldate import xldate_as_datetime

from connectors.files.reading.sheets import CellError, Sheet, Value, trimmed
from connectors.files.trouble import UnreadableFileError


def read_xlsx(body: bytes, packed: zipfile.ZipFile) -> tuple[Sheet, ...]:
    """The sheets of an xlsx. It is read as a stream: a sheet may claim to be as large as it likes.

    Raises:
        UnreadableFileError: it cannot be read.

    """
    packed.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that do not matter for values
        try:
            book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
            sheets = []
            for number, sheet in enumerate(book.worksheets, 1):
                sheet.reset_dimensions()  # what it says of its size may be wrong
                sheets.append(Sheet(sheet.title, number, trimmed(map(_xlsx_row, sheet.iter_rows()))))
        except UnreadableFileError:
            raise
        except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a damaged file leads it to
            raise _damaged("xlsx", error) from None
    return tuple(sheets)


def _xlsx_row(cells: tuple[Any, ...]) -> list[Value]:
    return [_xlsx_value(cell) for cell in cells]


def _xlsx_value(cell: Any) -> Value:
    value = cell.value
    if cell.data_type == "e":
        return CellError(str(value))
    if isinstance(value, timedelta):
        return _time_of_day(value.total_seconds())
    return value if value is None or isinstance(value, (str, int, float, bool, datetime, time)) else str(value)


def read_xls(body: bytes) -> tuple[Sheet, ...]:
    """The sheets of an xls, as Excel wrote them before 2007.

    Raises:
        UnreadableFileError: it cannot be read, or is locked by a password.

    """
    try:
        book = xlrd.open_workbook(file_contents=body, ragged_rows=True, logfile=io.StringIO())
        return tuple(
            Sheet(sheet.name, number, trimmed(_xls_rows(sheet, book.datemode)))
            for number, sheet in enumerate(book.sheets(), 1)
        )
    except UnreadableFileError:
        raise
    except Exception as error:  # noqa: BLE001 - so does xlrd
        if "encrypted" in str(error).casefold():
            raise UnreadableFileError("the file is locked by a password; save it without one") from None
        raise _damaged("xls", error) from None


def _xls_rows(sheet: Any, mode: int) -> Iterator[list[Value]]:
    for row in range(sheet.nrows):
        yield [_xls_value(cell, mode) for cell in sheet.row(row)]


def _xls_value(cell: Any, mode: int) -> Value:
    match cell.ctype:
        case xlrd.XL_CELL_TEXT | xlrd.XL_CELL_NUMBER:
            value: str | float = cell.value
            return value
        case xlrd.XL_CELL_DATE if cell.value < 1:
            return _time_of_day(cell.value * 86_400)
        case xlrd.XL_CELL_DATE:
            moment: datetime = xldate_as_datetime(cell.value, mode)
            return moment
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return CellError(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
    return None


def _time_of_day(seconds: float) -> time:
    minutes, second = divmod(round(seconds) % 86_400, 60)
    return time(minutes // 60, minutes % 60, second)


def _damaged(what: str, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(f"the {what} file is damaged ({type(error).__name__}); export it again")
