"""Scopes: what a read covered completely, so that absence inside it means something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Selector(StrEnum):
    """By what the rows of a scope were selected."""

    INSTITUTION = "institution"
    GROUP = "group"
    COURSE = "course"
    LESSON = "lesson"
    PERSON = "person"


class Axis(StrEnum):
    """Along what a scope has a beginning and an end, both inclusive.

    `academic_year` bounds are texts like `2026/2027`; the others are dates.
    """

    NONE = "none"
    ACADEMIC_YEAR = "academic_year"
    LESSON_DATE = "lesson_date"
    RECORDED_ON = "recorded_on"
    DUE_ON = "due_on"


@dataclass(frozen=True, slots=True)
class Scope:
    """All records of one entity that a selector and a stretch of an axis name, within one source.

    A row that lies inside a completely read scope, on the scope's own axis, and did not come along has vanished
    (canonical.md, invariants). `selector_key` is null for the institution; `start` and `end` are null for no axis.
    """

    entity: str
    selector: Selector = Selector.INSTITUTION
    selector_key: str | None = None
    axis: Axis = Axis.NONE
    start: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        if (self.selector is Selector.INSTITUTION) != (self.selector_key is None):
            raise ValueError(f"a scope by {self.selector} with the key {self.selector_key!r}")
        if (self.axis is Axis.NONE) != (self.start is None and self.end is None):
            raise ValueError(f"a scope along {self.axis} from {self.start!r} to {self.end!r}")
