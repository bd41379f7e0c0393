"""Writes what a person has asked to have under a name: whole or not at all, and says what to do where it cannot be."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final


class WriteError(Exception):
    """Something cannot be written. The message says what, where, and what to do."""


_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def private_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are not there, for its owner alone; one that is there stays as it is."""
    for missing in reversed([f for f in folder.parents if not f.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def explained(what: Path | str) -> Iterator[None]:
    """Tells every trouble of the file system as one with `what`, which is what the user has named.

    Raises:
        WriteError: there was some.

    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(f"{what}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno in _FULL:
        return "there is no space left; free some, or write elsewhere, and run the command again"
    if error.errno in _FORBIDDEN:
        return f"cannot be written ({error.strerror}); name another place, or get the right to write there"
    if error.errno == errno.ENOENT:
        return "its folder is not there; make it, or name another place"
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return "there is a file where a folder is needed; name another place"
    if error.errno == errno.EISDIR:
        return "is a folder; name a file in it"
    return f"cannot be written: {error.strerror or error}; name another place"


def check_target(path: Path) -> None:
    """Says at once whether a file could be written under this name, before long work is done for it.

    Raises:
        WriteError: it could not.

    """
    with explained(path):
        _look(path)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write: what stands under the name is replaced when all is written, and is left alone if anything fails.

    Links are followed. What is not a regular file (a device, a pipe) is written into as it is. The file keeps the mode that
    it had; a new one gets what the umask leaves.

    Raises:
        WriteError: it cannot be written.

    """
    with explained(path):
        target, mode = _look(path)
        if target is None:
            with path.open("wb") as file:
                yield file
            return
        number, name = tempfile.mkstemp(prefix=".svod-", suffix=".part", dir=target.parent)
        draft = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                yield file
                os.fchmod(file.fileno(), mode)
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _look(path: Path) -> tuple[Path | None, int]:
    """The regular file that the name leads to (null: something else stands there), and the mode it must have."""
    target = Path(os.path.realpath(path))
    try:
        found = path.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None
        return target, 0o666 & ~_umask()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return (target if stat.S_ISREG(found.st_mode) else None), stat.S_IMODE(found.st_mode)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
