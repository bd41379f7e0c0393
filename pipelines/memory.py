"""How this process uses memory while rows come and go by the hundred thousand."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
"""Parameters of glibc's mallopt(3)."""


_one_by_one = threading.Lock()
_inside: list[None] = []
_before: list[int] = []
"""The threads of a worker that are in it, and what the first of them found."""


@contextmanager
def much_comes_and_goes() -> Iterator[None]:
    """Looks for circles seldom, and has what is let go of given back to the system.

    None of the rows is in a circle, and looking for some among them takes much of the time. Left to itself, glibc learns
    to keep blocks of some megabytes, between which the small things then lie scattered: a third more memory on a long import.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and need none
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(_ARENA_MAX, 2)
    with _one_by_one:
        if not _inside:
            _before[:] = gc.get_threshold()
            gc.set_threshold(200_000, *_before[1:])
        _inside.append(None)
    try:
        yield
    finally:
        with _one_by_one:
            _inside.pop()
            if not _inside:
                gc.set_threshold(*_before)
