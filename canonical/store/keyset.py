"""A set of keys of any size in eight bytes a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

_YOUNG = 131_072


class KeySet:
    """Remembers which keys a run has seen: a small Python set in front of one sorted array of 64-bit hashes.

    Two keys of ten million share a hash with a chance of about three in a million.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._old: NDArray[np.uint64] = np.frombuffer(packed, dtype=np.uint64)
        self._young: set[int] = set()

    def __len__(self) -> int:
        return len(self._old) + len(self._young)

    def add_new(self, keys: Sequence[str]) -> list[bool]:
        """Adds keys; says for each whether it was not there before (a key given twice is new once)."""
        hashes = _hashes(keys)
        known = self._in_old(hashes)
        young = self._young
        fresh = []
        for number, old in zip(hashes, known, strict=True):
            new = not old and number not in young
            if new:
                young.add(number)
            fresh.append(new)
        if len(young) > _YOUNG:
            self._settle()
        return fresh

    def holds(self, keys: Sequence[str]) -> list[bool]:
        """Says for each key whether it is in the set."""
        hashes = _hashes(keys)
        young = self._young
        return [old or number in young for number, old in zip(hashes, self._in_old(hashes), strict=True)]

    def lacks_any(self, packed: bytes) -> bool:
        """Whether there is a key in another set's `pack` that is not in this one."""
        self._settle()
        return len(np.setdiff1d(np.frombuffer(packed, dtype=np.uint64), self._old)) > 0

    def merge(self, packed: bytes) -> int:
        """Adds the keys of another set's `pack`; says how many were not there before."""
        self._settle()
        before = len(self._old)
        self._old = np.union1d(self._old, np.frombuffer(packed, dtype=np.uint64))
        return len(self._old) - before

    def pack(self) -> bytes:
        """The set as bytes, eight a key, sorted."""
        self._settle()
        return self._old.tobytes()

    def _in_old(self, hashes: Sequence[int]) -> Iterable[bool]:
        old = self._old
        if not len(old):
            return (False for _ in hashes)
        asked = np.asarray(hashes, dtype=np.uint64)
        found = np.minimum(np.searchsorted(old, asked), len(old) - 1)
        answers: list[bool] = (old[found] == asked).tolist()
        return answers

    def _settle(self) -> None:
        if self._young:
            young = np.fromiter(self._young, dtype=np.uint64, count=len(self._young))
            young.sort()
            self._old = np.union1d(self._old, young) if len(self._old) else young
            self._young = set()


def _hashes(keys: Sequence[str]) -> list[int]:
    digest = xxhash.xxh3_64_intdigest
    return [digest(k.encode()) for k in keys]
