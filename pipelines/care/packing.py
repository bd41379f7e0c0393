"""The file of a backup: a tar packed with zstd.

    svod-1/store.db          the store as a SQLite file, whatever kind of store it was made of
    svod-1/raw/<sha256>      the bodies of answers, if they were asked for
    svod-1/manifest.json     what is in it, of which versions; the SHA-256 and the rows of the store. It is the last

The number is that of the form of the file. A body's name is its SHA-256.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, Final

import msgspec
import zstandard

from canonical.store import StoreError
from canonical.writing import explained

FORM: Final = 1
_HEAD: Final = f"svod-{FORM}/"
STORE: Final = "store.db"
RAW: Final = "raw/"
MANIFEST: Final = "manifest.json"

_PIECE: Final = 1 << 20


class BackupError(StoreError):
    """A file cannot be restored: it is no backup, is damaged, or was made by a newer svod."""

    code: ClassVar[str] = "backup_unusable"


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """The bodies in a backup. `absent` were not in the archive when it was made, `damaged` were not what they should be."""

    bodies: int
    bytes: int
    absent: int
    damaged: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. `tables` is the form of the tables, `raw` is null where the bodies were not asked for."""

    form: int
    svod: str
    made_at: str
    kind: str
    tables: str
    rows: dict[str, int]
    bytes: int
    sha256: str
    raw: Raw | None


class Packer:
    """Adds parts to a backup."""

    def __init__(self, tar: tarfile.TarFile, moment: int) -> None:
        self._tar = tar
        self._moment = moment

    def add(self, name: str, size: int, file: IO[bytes]) -> None:
        """Adds a part of so many bytes."""
        info = tarfile.TarInfo(_HEAD + name)
        info.size, info.mtime, info.mode = size, self._moment, 0o600
        self._tar.addfile(info, file)


@contextmanager
def packing(out: BinaryIO, moment: int) -> Iterator[Packer]:
    """Writes a backup into a file; `moment` (seconds since 1970) is when it was made."""
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True, threads=2)
    with (
        packer.stream_writer(out, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield Packer(tar, moment)


@contextmanager
def legible(file: Path) -> Iterator[None]:
    """Tells every trouble with reading a backup.

    Raises:
        BackupError: it cannot be read, is none, or is damaged.

    """
    try:
        yield
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise BackupError(
            f"{file}: is not a backup of svod, or is damaged or cut off ({error}); take another one"
        ) from None


def parts(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The parts of a backup, one after the other; each must be read before the next is asked for, and within `legible`.

    Raises:
        BackupError: it cannot be read, is none, or was made by a newer svod.

    """
    try:
        packed = file.open("rb")
    except OSError as error:
        raise BackupError(f"{file}: cannot be read ({error.strerror or error}); name another backup") from None
    with (
        packed,
        zstandard.ZstdDecompressor().stream_reader(packed) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as tar,
    ):
        for info in tar:
            body = tar.extractfile(info)
            if not info.name.startswith("svod-") or body is None:
                raise BackupError(f"{file}: is not a backup of svod")
            if not info.name.startswith(_HEAD):
                newer = info.name.partition("/")[0]
                raise BackupError(f"{file}: was made by a newer svod ({newer}): install that version")
            yield info.name.removeprefix(_HEAD), body


def copy_hashed(source: IO[bytes], target: IO[bytes] | None) -> tuple[str, int]:
    """Copies all that is left of a file, if there is a target; gives its SHA-256 (hex) and its length in bytes."""
    told = hashlib.sha256()
    size = 0
    while piece := source.read(_PIECE):
        told.update(piece)
        size += len(piece)
        if target is not None:
            target.write(piece)
    return told.hexdigest(), size


def check_space(folder: Path, needed: int, what: str) -> None:
    """Says at once if there is not the space for so many bytes.

    Raises:
        BackupError: there is not.

    """
    with explained(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(
            f"{folder}: {what} needs {_megabytes(needed)} there, and {_megabytes(free)} are free; free some, or write elsewhere"
        )


def _megabytes(number: int) -> str:
    return f"{number / 1_000_000:,.0f} MB".replace(",", " ")


Told = Callable[[str, int, int | None], None]
"""Told what is being done, how much has been, and of how much (null: that is not known)."""


def encoded(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decoded(file: Path, body: Any) -> Manifest:
    """A manifest.

    Raises:
        BackupError: it cannot be read.

    """
    try:
        return msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"{file}: its manifest cannot be read ({error})") from None
