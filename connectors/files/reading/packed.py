"""Zip containers (xlsx, ods), held against what hostile ones do."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Final

from connectors.files.reading.sheets import MOST_BYTES
from connectors.files.trouble import UnreadableFileError

MOST_UNPACKED: Final = 4 * MOST_BYTES
_PIECE: Final = 1024 * 1024
_LOCAL_HEADER: Final = 30


def members(body: bytes) -> zipfile.ZipFile:
    """The container, when what it unpacks to is within bounds, whatever its directory says of that.

    Raises:
        UnreadableFileError: it is damaged, locked, or unpacks to too much.

    """
    try:
        packed = zipfile.ZipFile(io.BytesIO(body))
        total = 0
        for one in packed.infolist():
            if one.flag_bits & 1:
                raise UnreadableFileError("the file is locked by a password; save it without one")
            total += _size(body, one, MOST_UNPACKED - total)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, IndexError) as error:
        raise UnreadableFileError(f"the file is damaged: {error}; export it again") from None
    return packed


def _size(body: bytes, one: zipfile.ZipInfo, most: int) -> int:
    """How many bytes a member unpacks to, found by unpacking it piece by piece."""
    start = one.header_offset
    names = body[start + 26 : start + _LOCAL_HEADER]
    start += _LOCAL_HEADER + int.from_bytes(names[:2], "little") + int.from_bytes(names[2:], "little")
    data = body[start : start + one.compress_size]
    size = 0
    if one.compress_type == zipfile.ZIP_STORED:
        size = len(data)
    elif one.compress_type == zipfile.ZIP_DEFLATED:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        while data and size <= most:
            size += len(unpacking.decompress(data, _PIECE))
            data = unpacking.unconsumed_tail
    else:
        raise UnreadableFileError("the file is packed in a way that workbooks are not; save it again in Excel")
    if size > most:
        raise UnreadableFileError(f"the file unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB; split it")
    return size
