"""What a rule suspects, and on what ground."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Severity = Literal["info", "warning", "error"]

Pointer = tuple[str, str, str]
"""A record of an entity that has a key, or points at one: `("marks", "lesson", "l1")`, `("marks", "key", "m1")`."""


class Ground(StrEnum):
    """Why something is suspected.

    `MISSING`: it is not there. Only a complete read after the deadline can tell.
    `WRONG`: it is there and should not be, or not so. What was seen long ago may have been put right since.
    `LATE`: it came after its deadline. Nothing that happens later changes that.
    """

    MISSING = "missing"
    WRONG = "wrong"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Names:
    """How staff call what a suspicion is about; what is not known is null."""

    group: str | None = None
    subject: str | None = None
    teacher: str | None = None
    class_teacher: str | None = None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that seems not to be as the act demands.

    `about` are the keys that make it this one and no other; with rule, institution and source they are its identity. `day`
    is the day to which it belongs (`YYYY-MM-DD`), by which it lies inside a window or outside. `read_at` is when its place
    was last read completely. A `LATE` thing was done at `done_at`. A `MISSING` thing can be told from `since` on (null: from `due_at` on). `records` are those
    that must not be in quarantine: what lies there may be the very thing that is missed.
    `message` is Russian and names no pupil; `lesson`, `student` and `period` are keys.
    """

    about: tuple[str, ...]
    ground: Ground
    message: str
    day: str | None
    due_at: datetime | None = None
    done_at: datetime | None = None
    since: datetime | None = None
    read_at: datetime | None = None
    records: tuple[Pointer, ...] = ()
    severity: Severity | None = None
    names: Names = Names()
    lesson: str | None = None
    student: str | None = None
    period: str | None = None
