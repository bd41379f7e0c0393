"""All that was read of some days of the journals, besides the lists (portal facts B2.3, B4.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from canonical.batch import Origin
from connectors.asurso.school import wire
from connectors.asurso.school.diaries import Diaries, SeenLesson
from connectors.asurso.school.reports import Broken, Cell, Given
from connectors.asurso.values import as_date


@dataclass
class Evidence:
    """All that was read of some days, besides the lists.

    `cards` are by assignment, `absences` by pupil with the answer's origin, `entered` by pupil and subject group.
    `unsure` are pupils of whom something could not be read though it may be there: a lesson of theirs that shows nothing
    may have been held. `meetings`: the timetable's subject group and teacher by lesson, and by class, day and number. `others` are
    the answers but for cards.
    """

    diaries: Diaries
    cards: dict[str, tuple[Any, Origin]] = field(default_factory=dict)
    lost_cards: set[str] = field(default_factory=set)
    absences: dict[str, tuple[list[Cell], list[Broken], Origin]] = field(default_factory=dict)
    entered: dict[tuple[str, str], tuple[list[Given], list[Broken], Origin]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    meetings: Timetable | None = None
    others: list[Origin] = field(default_factory=list)

    def asked(self) -> list[Origin]:
        """Where all of it comes from."""
        cards = (self.cards[k][1] for k in sorted(self.cards))
        return [*self.others, *cards]


@dataclass(frozen=True, slots=True)
class Slot:
    """What the timetable says of a lesson."""

    taught: str
    teacher: str | None


@dataclass
class Timetable:
    """The timetable of the classes: by the lesson's own id where it has one, and by class, day and number."""

    by_id: dict[str, Slot] = field(default_factory=dict)
    by_place: dict[tuple[str, date, int], list[Slot]] = field(default_factory=lambda: defaultdict(list))

    def take(self, school_class: str, items: Iterable[Any]) -> None:
        for item in items:
            try:
                one = wire.Meeting.model_validate(item)
            except ValidationError:
                continue
            on = as_date(one.day)
            slot = Slot(one.subject_group_id, one.teacher_id)
            if one.id and on:
                self.by_id[f"{one.id} {on}"] = slot
            if on and one.number is not None and slot not in self.by_place[school_class, on, one.number]:
                self.by_place[school_class, on, one.number].append(slot)

    def of(self, lesson: SeenLesson, classes: Iterable[str]) -> list[Slot]:
        """What it may say of a lesson; where it names the lesson itself, that alone."""
        if lesson.day is None:
            return []
        exact = self.by_id.get(f"{lesson.key} {lesson.day}")
        if exact:
            return [exact]
        places = (self.by_place.get((c, lesson.day, lesson.number), ()) for c in sorted(classes))
        return [slot for some in places for slot in some]
