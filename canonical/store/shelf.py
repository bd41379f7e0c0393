"""Large arrays of numbers that lie in a file without a name: in memory only while they are used.

Such a file is on the disk of temporary files (`TMPDIR`), gone with its process, and holds hashes, no data.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from canonical.store.engine import StoreError

T = TypeVar("T", bound=np.generic)


def shelved(parts: Iterable[NDArray[T]], dtype: type[T]) -> NDArray[T]:
    """An array of all the parts, one after another, in a file of its own; it can be written to.

    Raises:
        StoreError: there is no room for it.

    """
    try:
        with tempfile.TemporaryFile(prefix="svod-") as file:
            for part in parts:
                file.write(np.ascontiguousarray(part).data)
            size = file.tell()
            file.flush()
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype=dtype) if size else np.empty(0, dtype=dtype)
    except OSError as error:
        raise StoreError(
            f"temporary files in {tempfile.gettempdir()}: {error.strerror}. Free some space there, or name another folder "
            "in TMPDIR, and run the command again: committed batches are safe."
        ) from error


def places_of(asked: NDArray[T], there: NDArray[T]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where numbers are, or would be, in a sorted array that is not empty; never beyond its end.

    They are asked in their order, and so found two or three times as soon: what lies side by side is in the processor's cache.

    Returns:
        The order (positions within `asked`), and the ascending places of the numbers in that order.

    """
    order = asked.argsort()
    return order, np.minimum(np.searchsorted(there, asked[order]), len(there) - 1)


def is_shelved(array: NDArray[Any]) -> bool:
    """Whether an array is one that `shelved` has made."""
    return _file_of(array) is not None


def put_back(array: NDArray[Any]) -> None:
    """Lets the memory of a shelved array go until it is used again; nothing is lost."""
    if (file := _file_of(array)) is not None:
        file.madvise(mmap.MADV_DONTNEED)


def _file_of(array: NDArray[Any]) -> mmap.mmap | None:
    base: Any = array.base
    lies_in = base.obj if isinstance(base, memoryview) else base
    return lies_in if isinstance(lies_in, mmap.mmap) else None
