"""A set of keys of any size in eight bytes a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from canonical.store.shelf import is_shelved, places_of, put_back, shelved

Packed = NDArray[np.uint64]

_YOUNG = 32_768
_LARGEST = 2_097_152

_SMALL = 131_072
"""Keys that are not worth a file."""


class KeySet:
    """Remembers which keys a run has seen: a small Python set in front of a few sorted arrays of 64-bit hashes.

    An array is merged with the one before it that is not at least twice as long, so that there are few of them and every
    key is moved few times; it does not grow beyond 16 MB, so that no merging needs much room. Two keys of ten million share a hash with a chance of about three in a million.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._parts: list[Packed] = [np.frombuffer(packed, dtype=np.uint64)] if packed else []
        self._young: set[int] = set()

    def __len__(self) -> int:
        return sum(map(len, self._parts)) + len(self._young)

    def add_new(self, keys: Sequence[str]) -> list[bool]:
        """Adds keys; says for each whether it was not there before (a key given twice is new once)."""
        hashes = hashed(keys)
        young = self._young
        fresh = []
        for number, old in zip(hashes.tolist(), self._found(hashes).tolist(), strict=True):
            new = not old and number not in young
            if new:
                young.add(number)
            fresh.append(new)
        if len(young) > _YOUNG:
            self._settle()
        return fresh

    def add_if_new(self, packed: bytes) -> bool:
        """Adds the keys of another set's `pack`, if none of them is there: else false, and nothing is added."""
        self._settle()
        other = np.frombuffer(packed, dtype=np.uint64)
        if bool(self._found(other).any()):
            return False
        self._push(other)
        return True

    def holds(self, keys: Sequence[str]) -> list[bool]:
        """Says for each key whether it is in the set."""
        hashes = hashed(keys)
        young = self._young
        return [
            old or number in young
            for number, old in zip(hashes.tolist(), self._found(hashes).tolist(), strict=True)
        ]  # fmt: skip

    def holds_hashes(self, hashes: Packed) -> NDArray[np.bool_]:
        """Says for each hash whether its key is in the set."""
        self._settle()
        return self._found(hashes)

    def lacks_any(self, packed: bytes) -> bool:
        """Whether there is a key in another set's `pack` that is not in this one."""
        self._settle()
        return not bool(self._found(np.frombuffer(packed, dtype=np.uint64)).all())

    def merge(self, packed: bytes) -> int:
        """Adds the keys of another set's `pack`; says how many were not there before."""
        self._settle()
        other = np.frombuffer(packed, dtype=np.uint64)
        new = other[~self._found(other)]
        self._push(new)
        return len(new)

    def rest(self) -> None:
        """The set will not be asked for a while: what of it is large is kept on the disk."""
        self._settle()
        for n, part in enumerate(self._parts):
            if len(part) > _SMALL and not is_shelved(part):
                self._parts[n] = shelved([part], np.uint64)
            put_back(self._parts[n])

    def pack(self) -> bytes:
        """The set as bytes, eight a key, sorted."""
        self._settle()
        while len(self._parts) > 1:
            self._join()
        return self._parts[0].tobytes() if self._parts else b""

    def _found(self, asked: Packed) -> NDArray[np.bool_]:
        """Which of these are in the arrays."""
        found = np.zeros(len(asked), dtype=bool)
        for part in self._parts:
            order, places = places_of(asked, part)
            found[order] |= part[places] == asked[order]
        return found

    def _settle(self) -> None:
        if self._young:
            young = np.fromiter(self._young, dtype=np.uint64, count=len(self._young))
            young.sort()
            self._young = set()
            self._push(young)

    def _push(self, part: Packed) -> None:
        if len(part):
            self._parts.append(part)
        while len(self._parts) > 1 and self._should_join(len(self._parts[-2]), len(self._parts[-1])):
            self._join()

    @staticmethod
    def _should_join(before: int, last: int) -> bool:
        return before < 2 * last and before + last <= _LARGEST

    def _join(self) -> None:
        """Merges the last two arrays."""
        last, one = self._parts.pop(), self._parts.pop()
        both = np.concatenate((one, last))
        both.sort(kind="stable")  # which finds the two sorted runs, and merges them
        self._parts.append(both)


def hashed(keys: Sequence[str]) -> Packed:
    """The hash of each key."""
    digest = xxhash.xxh3_64_intdigest
    return np.fromiter(map(digest, map(str.encode, keys)), dtype=np.uint64, count=len(keys))
