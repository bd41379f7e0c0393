"""Text files in blocks of whole lines, so that a file of any size is read within bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

BLOCK_BYTES: Final = 4 * 1024 * 1024

_NEWLINE: Final = ord("\n")


@dataclass(frozen=True)
class Block:
    """Whole lines of a file. `number` counts blocks from 0, `first_line` lines from 1."""

    number: int
    first_line: int
    body: bytes

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines without the blanks around them; blank ones are passed over."""
        return list(filter(None, map(bytes.strip, self.body.split(b"\n"))))

    def numbered(self, positions: Iterable[int]) -> list[tuple[int, bytes]]:
        """Some of the `lines` with their numbers."""
        return [(self._numbers[p], self.lines[p]) for p in positions]

    @cached_property
    def newlines(self) -> int:
        """How many lines end within it. numpy counts three times as soon as `bytes` does, and lets others work meanwhile."""
        return int(np.count_nonzero(np.frombuffer(self.body, dtype=np.uint8) == _NEWLINE))

    @cached_property
    def _numbers(self) -> Sequence[int]:
        lines = self.newlines + (not self.body.endswith(b"\n"))
        if len(self.lines) == lines:
            return range(self.first_line, self.first_line + lines)
        return [n for n, line in enumerate(self.body.split(b"\n"), self.first_line) if line.strip()]


def blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """A file in blocks of about `size` bytes.

    Raises:
        OSError: the file cannot be read.

    """
    number, line = 0, 1
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(size):
            end = chunk.rfind(b"\n") + 1
            if not end:
                rest += chunk
                continue
            block = Block(number, line, b"".join((rest, memoryview(chunk)[:end])))
            yield block
            number, line, rest = number + 1, line + block.newlines, chunk[end:]
    if rest:
        yield Block(number, line, rest)
