"""Text files in blocks of whole lines, so that a file of any size is read within bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
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
    def lines(self) -> list[tuple[int, bytes]]:
        """The lines with their numbers; blank ones are passed over."""
        numbered = enumerate(self.body.split(b"\n"), self.first_line)
        return [(number, stripped) for number, line in numbered if (stripped := line.strip())]


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
