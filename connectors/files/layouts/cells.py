"""What stands in a cell of a journal: marks and attendance mixed, `5 4`, `4/5`, `Н5`, `н/а`, `•`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from canonical.scales import Scale
from connectors.files.layouts.fields import ABSENCE, DEBT
from connectors.files.reading.sheets import Value, shown

_BETWEEN: Final = re.compile(r"[\s/;|\xa0]+")
_NOTHING: Final = frozenset({"", "-", "–", "—", "--"})
_LOOK_ALIKE: Final = str.maketrans("hHoOyYaA", "нНоОуУаА")
"""Latin letters that stand for the Russian ones that they look like."""


class UnreadableCellError(ValueError):
    """The cell holds something that is neither a mark nor attendance."""


@dataclass(frozen=True, slots=True)
class CellContent:
    """The marks of a cell as they are printed, in order, and the attendance it shows."""

    marks: tuple[str, ...] = ()
    attendance: str | None = None

    def __bool__(self) -> bool:
        return bool(self.marks) or self.attendance is not None


@dataclass(frozen=True, slots=True)
class CellWords:
    """The words of cells: the marks of a scale, and the letters of attendance of a layout."""

    marks: frozenset[str]
    absence: Mapping[str, str]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, scale: Scale, absence: Mapping[str, str]) -> CellWords:
        letters = {**ABSENCE, **{k.casefold(): v for k, v in absence.items()}}
        marks = frozenset({*scale.grades, *scale.meanings, *DEBT}) - {k.casefold() for k in absence}
        return cls(marks, letters, tuple(sorted({len(w) for w in (*marks, *letters)}, reverse=True)))

    def read(self, value: Value) -> CellContent:
        """What a cell holds. The longest word counts: `на` is «не аттестован», not `н` and something else.

        Raises:
            UnreadableCellError: something in it is none of the words, or it shows two kinds of attendance.

        """
        if value is None:
            return CellContent()
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise UnreadableCellError
        text = shown(value)
        if text in _NOTHING:
            return CellContent()
        marks: list[str] = []
        attendance: set[str] = set()
        at = 0
        while at < len(text):
            if gap := _BETWEEN.match(text, at):
                at = gap.end()
                continue
            word = self._word(text, at)
            if plain(word) in self.marks:
                marks.append(word)
            else:
                attendance.add(self.absence[plain(word)])
            at += len(word)
        if len(attendance) > 1:
            raise UnreadableCellError
        return CellContent(tuple(marks), next(iter(attendance), None))

    def _word(self, text: str, at: int) -> str:
        for length in self.lengths:
            word = text[at : at + length]
            if len(word) == length and (plain(word) in self.marks or plain(word) in self.absence):
                if word == "." and not _stands_alone(text, at):
                    continue
                return word
        raise UnreadableCellError

    def read_mark(self, value: Value) -> str | None:
        """The one mark of a cell of a summary; null if it is empty.

        Raises:
            UnreadableCellError: it holds something else, or more than one.

        """
        said = self.read(value)
        if said.attendance is not None or len(said.marks) > 1:
            raise UnreadableCellError
        return said.marks[0] if said.marks else None


def _stands_alone(text: str, at: int) -> bool:
    """Whether a character has nothing beside it: the point of `4.5` is no sign of a debt."""
    return not text[:at][-1:].strip() and not text[at + 1 :][:1].strip()


def plain(word: str) -> str:
    """A word of a cell as it is compared."""
    return word.translate(_LOOK_ALIKE).casefold()
