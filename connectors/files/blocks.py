"""Text files in blocks of whole lines, so that a file of any size is read within bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

BLOCK_BYTES: Final = 4 * 1024 * 1024


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
    def _numbers(self) -> Sequence[int]:
        lines = self.body.removesuffix(b"\n").count(b"\n") + 1
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
            head, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                rest += chunk
                continue
            body = rest + head + newline
            yield Block(number, line, body)
            number, line, rest = number + 1, line + body.count(b"\n"), tail
    if rest:
        yield Block(number, line, rest)
