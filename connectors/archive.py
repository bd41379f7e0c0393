"""The raw archive: every answer as it was received, found by its content."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Protocol

import zstandard

from canonical.writing import private_folder
from connectors.errors import ArchiveError


class Archive(Protocol):
    """Keeps bodies of answers and files."""

    def put(self, body: bytes) -> str:
        """Keeps a body; gives its SHA-256 (hex). The same body is kept once.

        Raises:
            ArchiveError: it cannot be kept.

        """
        ...

    def holds(self, sha256: str) -> bool:
        """Whether the body with this SHA-256 is here.

        Raises:
            ArchiveError: that cannot be seen.

        """
        ...

    def get(self, sha256: str) -> bytes:
        """The body with this SHA-256.

        Raises:
            KeyError: it is not here.
            ArchiveError: it cannot be read.
            ValueError: what is here is not what was put.

        """
        ...


def digest(body: bytes) -> str:
    """SHA-256 of a body, hex."""
    return hashlib.sha256(body).hexdigest()


class _Packing(threading.local):
    """What packs and unpacks, for each thread its own: two that use the same at once corrupt their memory."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3)
        self.decompressor = zstandard.ZstdDecompressor()


class FolderArchive:
    """Bodies as zstd files, two hexadecimal digits a folder. May be shared between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packing = _Packing()

    def path(self, sha256: str) -> Path:
        """Where a body stands, or would stand."""
        return self._folder / sha256[:2] / f"{sha256[2:]}.zst"

    def put(self, body: bytes) -> str:
        name = digest(body)
        if not self.holds(name):
            try:
                self._write(self.path(name), self._packing.compressor.compress(body))
            except OSError as error:
                raise self._cannot_be("written to", error) from None
        return name

    def _write(self, path: Path, packed: bytes) -> None:
        private_folder(path.parent)
        number, name = tempfile.mkstemp(suffix=".part", dir=path.parent)  # its owner's alone: it holds children's data
        draft = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(packed)
            draft.replace(path)  # a reader sees a whole file or none
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def holds(self, sha256: str) -> bool:
        try:
            return self.path(sha256).exists()
        except OSError as error:
            raise self._cannot_be("read", error) from None

    def get(self, sha256: str) -> bytes:
        try:
            packed = self.path(sha256).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(sha256) from None
        except OSError as error:
            raise self._cannot_be("read", error) from None
        try:
            body = self._packing.decompressor.decompress(packed)
        except zstandard.ZstdError:
            body = b""
        if digest(body) != sha256:
            raise ValueError(f"{self.path(sha256)}: damaged, its content does not match its name")
        return body

    def _cannot_be(self, what: str, error: OSError) -> ArchiveError:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        todo = "free some space there" if full else "see to the folder and its rights"
        return ArchiveError(
            f"the raw archive {self._folder} cannot be {what} ({error.strerror}); {todo}, or name another folder in "
            '[store] raw_archive ("" keeps no answers), and run the command again: what has been committed stays'
        )


class NoArchive:
    """Keeps nothing; answers still get their SHA-256."""

    def put(self, body: bytes) -> str:
        return digest(body)

    def holds(self, sha256: str) -> bool:
        return False

    def get(self, sha256: str) -> bytes:
        raise KeyError(sha256)
