"""The raw archive: every answer as it was received, found by its content."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import zstandard

from canonical.batch import Origin
from canonical.writing import private_folder
from connectors.errors import ArchiveError, DamagedAnswerError

_DRAFT_SECONDS: Final = 24 * 60 * 60.0
"""A draft that is older was left by a process that was killed."""


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
            DamagedAnswerError: what is here is not what was put.

        """
        ...


def body_of(archive: Archive, origin: Origin) -> bytes:
    """What was answered once.

    Raises:
        DamagedAnswerError: it is not there, or not what was put. To one who asks this is no word of the portal's.

    """
    try:
        return archive.get(origin.sha256)
    except KeyError:
        what = origin.request.partition("?")[0]
        raise DamagedAnswerError(
            f"{what}: its answer {origin.sha256} is no longer in the raw archive; put the file back from a copy, or call "
            "svod prune --lost and then svod import --full"
        ) from None


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
        path = self.path(name)
        try:
            try:
                os.utime(path)  # it is in use again, whoever sweeps
            except (FileNotFoundError, NotADirectoryError):
                self._write(path, self._packing.compressor.compress(body))
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
            raise DamagedAnswerError(
                f"the raw archive's file {self.path(sha256)} is damaged: its content does not match its name; put it back "
                "from a copy, or call svod prune --lost and then svod import --full"
            )
        return body

    def discard(self, sha256: str) -> None:
        """Removes a body, so that it is written anew when it comes again.

        Raises:
            ArchiveError: it cannot be removed.

        """
        try:
            self.path(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_be("written to", error) from None

    def sweep(self, keep: Callable[[list[str]], list[bool]], *, before: float, trial: bool = False) -> tuple[int, int]:
        """Removes bodies that were last put before a moment (seconds since 1970) and need not be kept, and forgotten drafts.

        `keep` says of some SHA-256 which are needed. With `trial` nothing is removed.

        Returns:
            How many files went, and how many bytes.

        Raises:
            ArchiveError: the folder cannot be read or written to.

        """
        try:
            found = [
                self._sweep(shard, keep, before, trial=trial) for shard in sorted(self._folder.glob("[0-9a-f]" * 2))
            ]
        except OSError as error:
            raise self._cannot_be("swept", error) from None
        return sum(count for count, _ in found), sum(size for _, size in found)

    def _sweep(
        self, shard: Path, keep: Callable[[list[str]], list[bool]], before: float, *, trial: bool
    ) -> tuple[int, int]:
        ages = {".zst": before, ".part": time.time() - _DRAFT_SECONDS}
        files = [(Path(e), e.stat()) for e in os.scandir(shard)]
        old = [(p, stat.st_size) for p, stat in files if p.suffix in ages and stat.st_mtime < ages[p.suffix]]
        needed = keep([shard.name + path.stem for path, _ in old])
        going = [(path, size) for (path, size), there in zip(old, needed, strict=True) if not there]
        if not trial:
            going = [(path, size) for path, size in going if _remove(path, ages[path.suffix])]
        return len(going), sum(size for _, size in going)

    def _cannot_be(self, what: str, error: OSError) -> ArchiveError:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        todo = "free some space there" if full else "see to the folder and its rights"
        return ArchiveError(
            f"the raw archive {self._folder} cannot be {what} ({error.strerror}); {todo}, or name another folder in "
            '[store] raw_archive ("" keeps no answers), and run the command again: what has been committed stays'
        )


def _remove(path: Path, before: float) -> bool:
    """Removes a file, unless it has been put once more meanwhile: then it goes back to its place."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.rename(aside)
        if aside.stat().st_mtime >= before:
            aside.replace(path)
            return False
        aside.unlink()
    except FileNotFoundError:
        return False  # somebody else sweeps too
    return True


class NoArchive:
    """Keeps nothing; answers still get their SHA-256."""

    def put(self, body: bytes) -> str:
        return digest(body)

    def holds(self, sha256: str) -> bool:
        return False

    def get(self, sha256: str) -> bytes:
        raise KeyError(sha256)
